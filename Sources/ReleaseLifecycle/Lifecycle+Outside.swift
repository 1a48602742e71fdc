import ReleaseDefinition

/// A stage of the approval chain that an outside system answers: the plan names it among those who approve, as
/// `system:NAME`.
public struct OutsideQuestion: Sendable, Hashable {
    public var release: ReleaseName
    public var stage: String
    /// Without the prefix.
    public var system: String
    /// What the answer is about.
    public var plan: SHA256Digest
    public var package: SHA256Digest
    /// How long a yes holds.
    public var valid: TimeSpan

    /// As whom the system votes.
    public var person: String { Lifecycle.outsidePrefix + system }
}

extension Lifecycle {
    /// No person's name holds a colon: nobody can vote as a system.
    public static let outsidePrefix = "system:"

    /// Whom to ask now: of the first stage that lacks a yes, once the package is validated.
    public func outsideQuestions(at now: UTCInstant) -> [OutsideQuestion] {
        guard case .validated = state, let plan = record.plan, let package = record.package,
            let digest = try? plan.approvalDigest(),
            let stage = approvalStages.first(where: { Set(counting($0, at: now).map(\.person)).count < $0.count })
        else { return [] }
        let voted = Set(counting(stage, at: now).map(\.person))
        return stage.by.filter { $0.hasPrefix(Self.outsidePrefix) && !voted.contains($0) }.map {
            OutsideQuestion(
                release: release, stage: stage.stage, system: String($0.dropFirst(Self.outsidePrefix.count)),
                plan: digest, package: package, valid: stage.valid)
        }
    }
}
