import Effects
import ReleaseDefinition

/// The folders and links of a tree: made before and after its files, on several threads.
struct TreeFolders: Sendable {
    let entries: [PayloadEntry]
    let staging: Directory
    let accounts: HostAccounts
    let habits: CreationHabits
    let jobs: Int

    private static let chunk = 32

    /// Level by level, so that each folder's own is there.
    func make() throws {
        var levels: [[Int]] = []
        for (place, entry) in entries.enumerated() where entry.content == .directory {
            let depth = entry.path.text.utf8.reduce(0) { $1 == UInt8(ascii: "/") ? $0 + 1 : $0 }
            while levels.count <= depth { levels.append([]) }
            levels[depth].append(place)
        }
        for level in levels { try each(level) { try $0.createFolder(entries[$1]) } }
    }

    /// Links after all files: nothing can be written through one. Then the folders' times and owners, as nothing is made in
    /// them any more, and at last the modes that could lock us out, the deepest first.
    func finish() throws {
        try each(entries.indices.filter { if case .link = entries[$0].content { true } else { false } }) {
            maker, place in
            if case .link(let target) = entries[place].content { try maker.createLink(entries[place], to: target) }
        }
        let folders = entries.indices.filter { entries[$0].content == .directory }
        try each(folders) { try $0.finishFolder(entries[$1]) }
        let maker = FileMaker(root: staging, accounts: accounts, habits: habits)
        for place in folders.reversed() where maker.needsMode(folder: entries[place]) {
            try staging.directory(entries[place].path.text).setMode(entries[place].mode)
        }
    }

    private func each(_ places: [Int], _ body: @escaping @Sendable (FileMaker, Int) throws -> Void) throws {
        let turn = Turn((places.count + Self.chunk - 1) / Self.chunk)
        try Workers.run(min(jobs, places.count / Self.chunk)) {
            let maker = FileMaker(root: staging, accounts: accounts, habits: habits)
            try turn.each { number in
                for place in places[number * Self.chunk..<min(places.count, (number + 1) * Self.chunk)] {
                    try body(maker, place)
                }
            }
        }
    }
}
