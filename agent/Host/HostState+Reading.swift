import Effects
import ReleaseDefinition

extension HostState {
    /// Whole lines only: a line that an agent is writing at this moment is not there yet.
    init(reading folder: Directory) throws {
        self.init()
        let bytes = try folder.readIfPresent(Journal.fileName, sizeMax: Journal.sizeMax) ?? []
        for line in JournalReading(bytes).lines { apply(line.entry) }
    }

    /// For who only looks: a lost journal is not a host that runs nothing.
    /// - Throws: `agent.journal.lost`.
    static func known(in folder: AgentFolder) throws -> HostState {
        let state = try HostState(reading: folder.base)
        guard state == HostState(), try folder.base.status("releases")?.kind == .directory else { return state }
        let kept = try folder.base.list("releases").count
        guard kept > 0 else { return state }
        throw AgentError(
            code: "journal.lost",
            summary: "The journal in \(folder.base.path) says nothing, yet \(kept) of its releases are kept there.",
            remedy: "Start the agent: it finds out from the links what runs, and says it.")
    }
}
