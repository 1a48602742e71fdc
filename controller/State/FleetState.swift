import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseReporting
import ReleaseTrust

/// Everything the controller knows, computed from the log and the reports alone. Pure: the same entries in the same
/// order give the same state, which is how a restart resumes.
struct FleetState: Sendable {
    var initialised: ControllerInitialised?
    /// The digest of the authority that signs the server's certificate, and of the one that is to follow it.
    var authority: SHA256Digest?
    var nextAuthority: SHA256Digest?
    private(set) var people = PeopleRecord()
    var invitations: [String: InvitationRecord] = [:]
    private var invitationsByToken: [SHA256Digest: String] = [:]
    var hosts: [HostID: HostRecord] = [:]
    private var hostsByCertificate: [SHA256Digest: HostID] = [:]
    private var hostsByKey: [SHA256Digest: HostID] = [:]
    /// Hosts that are not active: few, and asked for at every turn of the engine.
    private(set) var disbelieved: Set<HostID> = []
    /// Those that are pinned or in maintenance: few as well.
    private(set) var markedHosts: Set<HostID> = []
    var releases: [ReleaseName: ReleaseRecord] = [:]
    var rollouts: [RolloutID: RolloutRecord] = [:]
    /// In the order of their start.
    var rolloutOrder: [RolloutID] = []
    /// How many changes of rollouts are in memory, and at how many some are left to the log.
    private(set) var changesHeld = 0
    private let changesHeldMax: Int
    private var changesBound: Int
    /// Of these, the continuous ones.
    private(set) var continuousRollouts: [RolloutID] = []
    var changes: [String: ChangeRecord] = [:]
    /// Those that are not over, in the order of proposal.
    private var openChangeIDs: [String] = []
    /// As chosen last; nil: as at the beginning.
    var profile: String?
    /// Frozen plans that people may authorise, by their digests.
    var plans: [SHA256Digest: PlannedRollout] = [:]
    var policy = PolicyRecord()
    /// Those that people declared, in their order.
    var freezes: [FreezeRecord] = []
    /// In the order of their start.
    private(set) var emergencies: [EmergencyRecord] = []
    /// What was said last of each role that comes to its end.
    private(set) var expiries: [String: MetadataExpiring] = [:]
    /// What was said last of each host's certificate that comes to its end.
    private(set) var certificateExpiries: [HostID: (end: UTCInstant, level: ExpiryLevel)] = [:]
    /// The record of each release that was planned or submitted.
    var lifecycles: [ReleaseName: Lifecycle] = [:]
    var measures = MeasureLedger()
    /// Those that something happened to since they were at rest.
    var unsettledLifecycles: Set<ReleaseName> = []
    /// The last packages of each release that were written for those who reach no controller.
    private(set) var exports: [ReleaseName: [ExportRecord]] = [:]
    /// What people had hosts rehearse.
    var rehearsals: [RolloutID: RehearsalRecord] = [:]
    /// Asked for at every turn of the engine.
    var openRehearsalIDs: Set<RolloutID> = []
    /// Keys that lay on the controller once.
    var formerlyOnline: Set<String> = []

    /// - Parameter changesHeldMax: of rollouts that are over, some 400 bytes each.
    init(changesHeldMax: Int = 100_000) { (self.changesHeldMax, changesBound) = (changesHeldMax, changesHeldMax) }

    mutating func apply(_ entry: EventEntry) {
        defer { noteLifecycle(entry) }
        switch entry.event {
        case .initialised(let event):
            initialised = event
            authority = event.authority
        case .authorityOffered(let event): nextAuthority = event.authority
        case .authorityAdopted(let event):
            authority = event.authority
            nextAuthority = nil
        case .personAdded(let person): people.add(person, entry)
        case .tokenCreated(let event): people.create(event, entry)
        case .tokenRevoked(let event): people.revoke(event)
        case .grantAdded(let event): people.grant(event, entry)
        case .grantRemoved(let event): people.remove(event)
        case .personActed: break
        case .hostsInvited(let invitation):
            invitations[invitation.id] = InvitationRecord(invitation: invitation)
            invitationsByToken[invitation.tokenHash] = invitation.id
        case .hostJoined(let event):
            invitations[event.invitation]?.hosts.append(event.host)
            hosts[event.host] = HostRecord(joined: event, firstAuthority: initialised?.authority, at: entry.at)
            hostsByCertificate[event.certificate] = event.host
            hostsByKey[event.key] = event.host
        case .invitationRevoked(let event): invitations[event.invitation]?.revocation = event
        case .certificateRenewed(let event):
            hosts[event.host]?.identity.renew(event.certificate)
            hostsByCertificate[event.certificate.fingerprint] = event.host
            hostsByKey[event.certificate.key] = event.host
        case .certificateTaken(let event): hosts[event.host]?.identity.take(event.fingerprint)
        case .hostRevoked(let event): setStanding(.revoked(event.reason), of: event.host)
        case .hostRetired(let event): setStanding(.retired(event.reason), of: event.host)
        case .hostQuarantined(let event): setStanding(.quarantined(event.sessions), of: event.host)
        case .hostUnlocked(let event): setStanding(.active, of: event.host)
        case .hostMarked, .hostUnmarked: applyMark(entry)
        case .hostLabelled(let event): hosts[event.host]?.relabel(event, at: entry.at)
        case .releaseSubmitted(let event):
            releases[event.release] = ReleaseRecord(submitted: event, at: entry.at, by: entry.actor)
        case .releaseApproved(let event): releases[event.release]?.approve(event, at: entry.at)
        case .releaseRevoked(let event): releases[event.release]?.revoke(event, at: entry.at, by: entry.actor)
        case .releaseWithdrawn(let event): releases[event.release]?.withdraw(event, at: entry.at)
        case .changeProposed, .changeDrafted, .changeSigned, .changePublished, .changeDropped: applyChange(entry)
        case .profileChosen(let event): profile = event.profile
        case .keysTakenOffline(let event): formerlyOnline.formUnion(event.keyIDs)
        case .releaseExported(let event):
            exports[event.release, default: []].append(ExportRecord(event: event, at: entry.at, by: entry.actor))
            let excess = exports[event.release, default: []].count - ExportRecord.kept
            if excess > 0 { exports[event.release]?.removeFirst(excess) }
        case .keyRotated, .policyPassedOver, .controllerRestored, .lifecycleChanged: break
        case .policyApplied(let event): policy.apply(event, at: entry.at, by: entry.actor)
        case .policyOverridden(let event): policy.apply(event, at: entry.at, by: entry.actor)
        case .rolloutPlanned(let event):
            plans[event.digest] = PlannedRollout(plan: event.plan, digest: event.digest, by: entry.actor, at: entry.at)
        case .emergencyReleased, .emergencyReviewed, .metadataExpiring, .certificatesExpiring: applyAlarm(entry)
        case .freezeDeclared, .freezeLifted: applyFreeze(entry)
        case .rehearsalOrdered, .rehearsalEnded: applyRehearsal(entry)
        case .packagesRemoved(let event):
            for release in event.releases { releases[release]?.packageRemovedAt = entry.at }
        case .rolloutAuthorised(let event): plans[event.digest]?.authorise(event, at: entry.at)
        case .rolloutChanged(let event):
            if rollouts[event.rollout] == nil { rolloutOrder.append(event.rollout) }
            if case .started(let plan, _) = event.event.fact {
                // It began because its package was there: one that had been removed was submitted again.
                releases[plan.definition.release]?.packageRemovedAt = nil
                if plan.definition.strategy.isContinuous { continuousRollouts.append(event.rollout) }
            }
            rollouts[event.rollout, default: RolloutRecord(id: event.rollout)].apply(event.event, entry)
            changesHeld += 1
            if changesHeld > changesBound { restRollouts(but: event.rollout, keeping: changesHeldMax / 2) }
        }
    }

    /// What a rollout went through is looked up seldom once it is over: of the oldest, the log alone keeps it.
    /// - Parameter keeping: so many changes may stay, and those of rollouts that are not over.
    mutating func restRollouts(but current: RolloutID? = nil, keeping: Int) {
        for id in rolloutOrder where id != current {
            guard changesHeld > keeping else { break }
            guard let count = rollouts[id].flatMap({ $0.speaks ? nil : $0.changes.count }), count > 0 else { continue }
            rollouts[id]?.rest()
            changesHeld -= count
        }
        changesBound = max(changesHeldMax, 2 * changesHeld)
    }

    private mutating func applyMark(_ entry: EventEntry) {
        switch entry.event {
        case .hostMarked(let event):
            let marking = HostMarkView(mark: event.mark, reason: event.reason, by: entry.actor, at: entry.at)
            guard hosts[event.host]?.setMark(event.mark, marking) != nil else { return }
            markedHosts.insert(event.host)
        case .hostUnmarked(let event):
            hosts[event.host]?.setMark(event.mark, nil)
            if hosts[event.host]?.isMarked != true { markedHosts.remove(event.host) }
        default: break
        }
    }

    private mutating func applyAlarm(_ entry: EventEntry) {
        switch entry.event {
        case .emergencyReleased(let event):
            emergencies.append(EmergencyRecord(event, at: entry.at, by: entry.actor))
        case .emergencyReviewed(let event):
            for position in emergencies.indices where emergencies[position].released.rollout == event.rollout {
                emergencies[position].note(event, at: entry.at, by: entry.actor)
            }
        case .metadataExpiring(let event): expiries[event.role] = event
        case .certificatesExpiring(let event):
            for one in event.hosts { certificateExpiries[one.host] = (one.expiresAt, event.level) }
        default: break
        }
    }

    private mutating func applyChange(_ entry: EventEntry) {
        switch entry.event {
        case .changeProposed(let event):
            changes[event.id] = ChangeRecord(event, at: entry.at, by: entry.actor)
            openChangeIDs.append(event.id)
        case .changeDrafted(let event): changes[event.id]?.draft(event.proposal)
        case .changeSigned(let event): changes[event.id]?.sign(event)
        case .changePublished(let event):
            changes[event.id]?.publish()
            openChangeIDs.removeAll { $0 == event.id }
        case .changeDropped(let event):
            changes[event.id]?.drop(event.reason)
            openChangeIDs.removeAll { $0 == event.id }
        default: break
        }
    }

    var openChanges: [ChangeRecord] { openChangeIDs.compactMap { changes[$0] } }

    private mutating func setStanding(_ standing: HostIdentity.Standing, of host: HostID) {
        guard hosts[host] != nil else { return }
        hosts[host]?.identity.standing = standing
        if standing.isActive { disbelieved.remove(host) } else { disbelieved.insert(host) }
    }

    /// Reports change what is known of the host that sent them, never a decision.
    mutating func apply(_ stored: StoredReport) { hosts[stored.host]?.apply(stored) }

    func invitation(tokenHash: SHA256Digest) -> InvitationRecord? {
        invitationsByToken[tokenHash].flatMap { invitations[$0] }
    }

    func host(certificate: SHA256Digest) -> HostRecord? { hostsByCertificate[certificate].flatMap { hosts[$0] } }
    func host(key: SHA256Digest) -> HostRecord? { hostsByKey[key].flatMap { hosts[$0] } }
    var hostsInOrder: [HostRecord] { hosts.values.sorted { $0.id < $1.id } }
}

struct InvitationRecord: Sendable {
    var invitation: Invitation
    /// Who joined with it, in order.
    var hosts: [HostID] = []
    var revocation: InvitationRevoked?
    var usesLeft: Int { invitation.uses - hosts.count }

    func isOpen(at now: UTCInstant) -> Bool {
        revocation == nil && usesLeft > 0 && now < invitation.expiresAt
    }
}

struct ReleaseRecord: Sendable {
    struct Approval: Sendable {
        /// nil: the emergency role.
        var environment: EnvironmentName?
        var at: UTCInstant
        var withdrawnAt: UTCInstant?
    }

    struct Revocation: Sendable {
        var environment: EnvironmentName
        var at: UTCInstant
        var by: String
        var reason: String
    }

    let submitted: ReleaseSubmitted
    let submittedAt: UTCInstant
    let submittedBy: String
    private(set) var approvals: [Approval] = []
    private(set) var revocations: [Revocation] = []
    /// Nobody needed it any more.
    var packageRemovedAt: UTCInstant?

    init(submitted: ReleaseSubmitted, at now: UTCInstant, by actor: String) {
        self.submitted = submitted
        submittedAt = now
        submittedBy = actor
    }

    mutating func approve(_ event: ReleaseApproved, at now: UTCInstant) {
        guard !approvals.contains(where: { $0.environment == event.environment }) else { return }
        approvals.append(Approval(environment: event.environment, at: now))
    }

    mutating func withdraw(_ event: ReleaseWithdrawn, at now: UTCInstant) {
        for position in approvals.indices where approvals[position].environment == event.environment {
            approvals[position].withdrawnAt = now
        }
    }

    mutating func revoke(_ event: ReleaseRevoked, at now: UTCInstant, by actor: String) {
        guard revocation(in: event.environment) == nil else { return }
        revocations.append(
            Revocation(
                environment: event.environment, at: now, by: event.rollout.map { "rollout:\($0)" } ?? actor,
                reason: event.reason))
    }

    func isApproved(in environment: EnvironmentName) -> Bool {
        approvals.contains { $0.environment == environment && $0.withdrawnAt == nil }
    }

    var isApprovedForEmergency: Bool { approvals.contains { $0.environment == nil && $0.withdrawnAt == nil } }

    func revocation(in environment: EnvironmentName) -> Revocation? {
        revocations.first { $0.environment == environment }
    }
}

/// A package that somebody carries to a host, or to those of a channel.
struct ExportRecord: Sendable {
    static let kept = 100

    var event: ReleaseExported
    var at: UTCInstant
    var by: String
}
