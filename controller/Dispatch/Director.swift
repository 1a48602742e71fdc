import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust

/// The director's pen: what should run where, signed online. It can only name what approvers have signed; a host checks
/// both.
struct Director: Sendable {
    static let pushLifetime = TimeSpan.hours(1)
    static let channelLifetime = TimeSpan.days(7)

    private let keys: [SigningKey]

    init(keys: [SigningKey]) { self.keys = keys }

    /// For one pushed host.
    func assignment(
        _ order: OrderID, for host: HostID, of plan: RolloutPlan, counter: Int64, revoked: [SHA256Digest],
        patches: [AssignedPatch]? = nil, rehearses: Bool? = nil, at now: UTCInstant
    ) throws -> JSONValue {
        var draft = Self.draft(
            order, of: plan, audience: .host(host), counter: counter, revoked: revoked, patches: patches,
            expiresAt: now + Self.pushLifetime)
        draft.rehearses = rehearses
        return try sign(draft)
    }

    /// For everyone who follows the channel of the plan's environment and product.
    func assignment(
        _ view: ChannelView, of plan: RolloutPlan, counter: Int64, revoked: [SHA256Digest],
        takenBack: [TakenBackRelease]? = nil, patches: [AssignedPatch]? = nil, at now: UTCInstant
    ) throws -> JSONValue {
        let audience = AssignmentAudience.channel(
            plan.channel, bucketBound: view.bucketBound, included: view.included, excluded: view.excluded)
        var draft = Self.draft(
            view.order, of: plan, audience: audience, counter: counter, revoked: revoked, patches: patches,
            expiresAt: now + Self.channelLifetime)
        draft.takenBack = takenBack
        return try sign(draft)
    }

    private static func draft(
        _ order: OrderID, of plan: RolloutPlan, audience: AssignmentAudience, counter: Int64,
        revoked: [SHA256Digest], patches: [AssignedPatch]?, expiresAt: UTCInstant
    ) -> Assignment {
        let release = plan.definition.release
        let environment = plan.definition.environment
        let place: ApprovalPlace = plan.urgency.isEmergency ? .emergency : .environment(environment)
        return Assignment(
            order: order, environment: environment, audience: audience, release: release, manifest: plan.manifest,
            targetPath: TargetPath.manifest(place, release), counter: counter, expiresAt: expiresAt.wholeSeconds,
            revoked: revoked, patches: patches, bandwidth: plan.hostBandwidth,
            migrates: plan.migrations?.map(\.host), ignoreStopFailure: plan.definition.ignoreStopFailure)
    }

    /// What one host is called by.
    func labels(_ word: LabelWord) throws -> JSONValue {
        try DSSEEnvelope.sign(JSONCoding.canonicalBytes(of: word), type: LabelWord.payloadType, keys: keys).json
    }

    private func sign(_ assignment: Assignment) throws -> JSONValue {
        try DSSEEnvelope.sign(
            JSONCoding.canonicalBytes(of: assignment), type: Assignment.payloadType, keys: keys
        ).json
    }
}
