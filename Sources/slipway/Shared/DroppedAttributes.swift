import Effects
import ReleaseDefinition
import ReleasePackaging

/// Access control lists and `user.` attributes of source folders: a package carries none, and nobody should learn that on a
/// host.
struct DroppedAttributes {
    private(set) var first: String?
    private(set) var count = 0

    /// Of the folders that the units' files come from; archives that have any are refused.
    init(_ definition: ReleaseDefinition, in folder: Directory, inputs: BuildInputs? = nil) {
        guard inputs?.tree == nil else { return }
        var seen: Set<String> = []
        for (_, path) in definition.units.flatMap(\.sources) where inputs?.archives[path] == nil {
            // What cannot be opened is the build's to complain about.
            guard seen.insert(path).inserted, let source = try? folder.directory(path == "./" ? "." : path) else {
                continue
            }
            look(source, path)
        }
    }

    private mutating func look(_ directory: Directory, _ path: String) {
        for entry in (try? directory.list()) ?? [] {
            let place = path + "/" + entry.name
            if entry.kind != .symlink, directory.hasOwnAttributes(entry.name) {
                count += 1
                first = min(first ?? place, place)
            }
            if entry.kind == .directory, let below = try? directory.directory(entry.name) { look(below, place) }
        }
    }

    /// nil where there are none.
    var notice: String? {
        guard let first else { return nil }
        let more = count > 1 ? " and \(count - 1) more have" : " has"
        return
            "\(first)\(more) an access control list or user attributes, which no package carries: hosts get modes and owners"
            + " by `attributes` of the unit."
    }
}
