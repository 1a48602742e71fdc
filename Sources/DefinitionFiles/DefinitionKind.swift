import ReleaseDefinition

/// Which of the definition files one is, by its keys: whoever gives a command the wrong one hears what it is, not that each of its
/// keys is unknown.
public enum DefinitionKind: String, Sendable, CaseIterable {
    case release, rollout, releasePlan, policy

    /// With its article.
    public var words: String {
        switch self {
        case .release: "the definition of a release (release.yaml)"
        case .rollout: "a rollout (rollout.yaml)"
        case .releasePlan: "the plan of a release (release-plan.yaml)"
        case .policy: "a policy (policy.yaml)"
        }
    }

    /// What a file of this kind is for.
    /// - Parameter file: as a person named it.
    public func nextCommand(_ file: String) -> String {
        switch self {
        case .release:
            let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
            return
                "Give its folder to the controller: slipway release submit \((folder.isEmpty ? "/" : folder).shellWord)"
        case .rollout: return "Start it: slipway rollout start \(file.shellWord)"
        case .releasePlan: return "Put it on record: slipway release plan \(file.shellWord)"
        case .policy: return "Put it in force: slipway policy apply \(file.shellWord) --reason REASON"
        }
    }

    /// Keys that a file of the kind must have; of a policy one that no other kind has is enough.
    private func isOf(_ keys: Set<String>) -> Bool {
        switch self {
        case .release: keys.isSuperset(of: ["product", "version", "units"])
        case .rollout: keys.isSuperset(of: ["release", "environment", "hosts", "strategy"])
        case .releasePlan: keys.isSuperset(of: ["release", "category", "environment", "changes"])
        case .policy: !keys.isDisjoint(with: ["numbering", "environments", "busy", "overrides"])
        }
    }

    /// nil: none by its keys, or more than one.
    public static func of(_ text: [UInt8]) -> DefinitionKind? {
        (try? YAMLDocument.read(text, file: "")).flatMap { of($0) }
    }

    private static func of(_ root: YAMLNode) -> DefinitionKind? {
        guard case .mapping(let members) = root.content else { return nil }
        let keys = Set(members.map(\.key))
        let kinds = allCases.filter { $0.isOf(keys) }
        return kinds.count == 1 ? kinds[0] : nil
    }

    /// - Throws: one problem, `definitionFiles.kind`, for a file of another kind.
    func refuseOther(_ root: YAMLNode, _ list: ProblemList) throws(DefinitionProblems) {
        guard let other = Self.of(root), other != self else { return }
        list.add(
            "kind", line: 0, path: "", found: other.words, expected: words,
            remedy: other.nextCommand(list.file))
        let nothing: Void? = nil
        try list.finish(nothing)
    }
}
