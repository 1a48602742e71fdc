import ReleaseDefinition

// After a restore: hosts refuse every version below what they have seen (TUF 5.4.3, 5.5.5).

extension RepositoryWriter {
    /// Signs everything that these keys may sign under versions that are higher by `jump`, and names the roles that people
    /// must sign themselves. Root is never among them: its versions follow one another.
    public static func advance(
        _ state: RepositoryState, by jump: Int64, keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> (change: RepositoryChange, unsigned: [String]) {
        var raised = state
        raised.snapshot = try raise(state.snapshot, by: jump)
        raised.timestamp = try raise(state.timestamp, by: jump)
        let all = keys.root + keys.targets + keys.approvers + keys.emergency
        var (signed, unsigned) = ([String](), [String]())
        for (name, file) in [(TargetsMetadata.name, state.targets)] + state.roles.sorted(by: { $0.key < $1.key }) {
            var trial = state
            trial.place(try raise(file, by: jump), role: name)
            guard let proposal = try propose([.renew(role: name)], in: trial, at: now) else { continue }
            let signatures = try sign(proposal, in: trial, by: all)
            guard try standing(of: proposal, signatures: signatures, in: trial).allSatisfy(\.isMet) else {
                unsigned.append(name)
                continue
            }
            raised.place(try raise(file, by: jump), role: name)
            signed.append(name)
        }
        var draft = RepositoryDraft(raised, keys: keys, at: now)
        for name in signed {
            guard let proposal = try propose([.renew(role: name)], in: draft.state, at: now) else { continue }
            let signatures = try sign(proposal, in: draft.state, by: all)
            for (candidate, keys) in try delegators(of: proposal, in: draft.state) {
                try draft.write(candidate, signatures, keys.map(\.keys))
            }
        }
        return (try draft.finish(), unsigned)
    }

    /// Not signed any more: only what follows it is.
    private static func raise(_ envelope: JSONValue, by jump: Int64) throws(TrustError) -> JSONValue {
        guard var signed = envelope["signed"], let version = signed["version"]?.integerValue, version > 0 else {
            throw .writer(
                "state", "the stored metadata has no version that could rise",
                remedy: "Use another backup.")
        }
        let (higher, overflow) = version.addingReportingOverflow(jump)
        guard !overflow, higher < 1 << 53 else {
            throw .writer(
                "version", "version \(version) cannot rise by \(jump)", remedy: "Use another backup.")
        }
        signed.set("version", .integer(higher))
        var raised = envelope
        raised.set("signed", signed)
        return raised
    }
}
