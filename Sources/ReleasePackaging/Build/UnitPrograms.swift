import ReleaseDefinition

/// The programs that a tree brings for its service and its checks: what no host could start is found by the build.
struct UnitPrograms {
    let unit: UnitDefinition
    /// Ascending by path, with the modes that the definition lists.
    let entries: [ScannedEntry]
    /// As the definition names it.
    let source: String

    /// - Throws: `packaging.source.program`.
    func check() throws(PackagingError) {
        guard unit.type == .tree else { return }
        if case .command(let words)? = unit.service { try check(words, of: "service") }
        for check in unit.health {
            if case .command(let words) = check.probe { try self.check(words, of: "health check") }
        }
    }

    private func check(_ words: [String], of what: String) throws(PackagingError) {
        // Absolute programs and those with a variable are the host's; what is persistent comes with no release.
        guard let word = words.first, !word.hasPrefix("/"), !word.contains("${") else { return }
        let path = try EntryPath(plain: word)
        for outer in unit.persistent where try path.isAtOrBelow(EntryPath(plain: outer)) { return }
        let entry = find(path)
        let flaw: String
        switch entry?.content {
        case .file?:
            if let entry, entry.mode & 0o111 != 0 { return }
            flaw = "which nobody may execute"
        case .directory?: flaw = "which is a folder"
        case .link?, nil: flaw = "which is not there"
        }
        throw PackagingError(
            code: "source.program",
            summary: "The \(what) of the unit \(unit.name) runs \(path) of \(source), \(flaw).",
            remedy: flaw.contains("execute")
                ? "chmod +x it, or list it under `attributes` with mode: \"0755\"."
                : "Programs are paths from the unit's source on, or absolute: correct the path, or add the file.")
    }

    /// What a path leads to through the tree's own links; nil: nowhere.
    private func find(_ path: EntryPath) -> ScannedEntry? {
        var rest = path.components.map(String.init)[...]
        var place: [String] = []
        var hops = 0
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                _ = place.popLast()
                continue
            }
            guard let entry = entry(at: (place + [name]).joined(separator: "/")) else { return nil }
            guard case .link(let target) = entry.content else {
                place.append(name)
                continue
            }
            hops += 1
            guard hops <= 40 else { return nil }
            rest = target.text.split(separator: "/").map(String.init)[...] + rest
        }
        return entry(at: place.joined(separator: "/"))
    }

    private func entry(at text: String) -> ScannedEntry? {
        guard let path = try? EntryPath(text) else { return nil }
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].path == path ? entries[low] : nil
    }
}
