import ControllerAPI
import ReleaseDefinition

/// What became of a change of signed metadata.
struct ChangePresentation: Presentable {
    var change: MetadataChangeView

    static let columns = ["CHANGE", "STATE", "SUMMARY", "SIGNED"]
    var cells: [String] {
        let votes = change.standings.words
        return [change.id, change.state.rawValue, change.summary, votes.isEmpty ? "-" : votes]
    }
    var name: String { change.id }
    func encode(to encoder: any Encoder) throws { try change.encode(to: encoder) }
}

extension OutputOptions {
    /// What was proposed or signed. Nothing: the controller had every key that it takes, which is no table of its own.
    func print(_ change: MetadataChangeView?) throws {
        guard change != nil || output != .table else { return }
        try print([change].compactMap { $0 }.map(ChangePresentation.init))
    }
}
