import Effects
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@Suite("Files beneath a directory")
struct DirectoryTests {
    let folder: TemporaryFolder
    var directory: Directory { folder.directory }

    init() throws { folder = try TemporaryFolder() }

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch let error as EffectsError { return error.code } catch { return "\(error)" }
    }

    @Test("What is written durably is read back, with its exact mode")
    func writeAndRead() throws {
        let directory = directory
        try withUmask(0o077) {
            try directory.createDirectory("a/b")
            try directory.writeDurably("a/b/c", Array("one".utf8), mode: 0o664)
            try directory.writeDurably("a/b/c", Array("two".utf8), mode: 0o600)
        }
        #expect(try directory.read("a/b/c", sizeMax: ByteCount(3)) == Array("two".utf8))
        #expect(try directory.status("a/b/c")?.mode == 0o600)
        #expect(try directory.list("a/b") == [DirectoryEntry(name: "c", kind: .file)])
        #expect(try directory.status("a")?.mode == 0o755)
    }

    @Test("A file longer than allowed, an absent one and a folder in its place are refused by code")
    func readRefusals() throws {
        try directory.writeDurably("file", Array("four".utf8))
        try directory.createDirectory("folder")
        #expect(code { _ = try directory.read("file", sizeMax: ByteCount(3)) } == "effects.file.tooLarge")
        #expect(code { _ = try directory.read("none", sizeMax: ByteCount(3)) } == "effects.file.absent")
        #expect(code { _ = try directory.read("folder", sizeMax: ByteCount(3)) } == "effects.file.isDirectory")
        #expect(try directory.readIfPresent("none", sizeMax: ByteCount(3)) == nil)
        #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
        #expect(code { _ = try directory.read("pipe", sizeMax: ByteCount(3)) } == "effects.file.notFile")
    }

    @Test(
        "Paths that could leave the directory are refused before the kernel sees them",
        arguments: ["", "/etc/passwd", "..", "a/../../b", "../x", "a\u{0}b"])
    func badPaths(path: String) throws {
        #expect(code { _ = try directory.openFile(path) } == "effects.file.path")
        #expect(code { _ = try directory.directory(path) } == "effects.file.path")
        #expect(code { try directory.removeTree(path) } == "effects.file.path")
        #expect(code { try directory.writeDurably(path, [1]) } == "effects.file.path")
    }

    @Test("No member follows a link, in the last part of a path or before it")
    func linksAreNotFollowed() throws {
        let outside = try TemporaryFolder()
        try outside.directory.writeDurably("secret", Array("s".utf8))
        try directory.createSymlink("out", to: outside.path)
        try directory.createSymlink("file", to: outside.path + "/secret")
        #expect(code { _ = try directory.openFile("out/secret") } == "effects.file.escape")
        #expect(code { _ = try directory.openFile("file") } == "effects.file.escape")
        #expect(code { _ = try directory.appendFile("file") } == "effects.file.escape")
        #expect(code { _ = try directory.createFile("out/new") } == "effects.file.escape")
        #expect(code { try directory.createDirectory("out/new") } == "effects.file.escape")
        #expect(code { try directory.writeDurably("out/new", [1]) } == "effects.file.escape")
        #expect(code { try directory.rename("out/secret", to: "mine") } == "effects.file.escape")
        #expect(code { try directory.removeTree("out/secret") } == "effects.file.escape")
        #expect(code { try directory.hardLink("mine", from: directory, "out/secret") } == "effects.file.escape")
        #expect(try directory.status("file")?.kind == .symlink)
        #expect(try directory.readLink("out") == outside.path)
        // Replacing or removing the link itself leaves what it names alone.
        try directory.writeDurably("file", Array("mine".utf8))
        try directory.removeTree("out")
        #expect(try outside.directory.read("secret", sizeMax: ByteCount(9)) == Array("s".utf8))
        #expect(try outside.directory.list().map(\.name) == ["secret"])
    }

    @Test("R50: while somebody swaps folders for links, nothing is read, written or removed outside")
    func swappedFolders() async throws {
        let outside = try TemporaryFolder()
        try outside.directory.createDirectory("victim/sub")
        try outside.directory.writeDurably("victim/sub/file", Array("outside".utf8))
        try directory.createDirectory("a/sub")
        try directory.createDirectory("held")
        let target = outside.path + "/victim"
        let attacker = Task.detached { [path = folder.path] in
            let attacking = try Directory.open(path)
            while !Task.isCancelled {
                // `a` is a folder, then a link to the victim, then the folder again.
                try attacking.rename("a", to: "held/a")
                try attacking.createSymlink("a", to: target)
                try attacking.removeFile("a")
                try attacking.rename("held/a", to: "a")
                await Task.yield()
            }
        }
        // By what was written, not by rounds: on a busy machine the kernel may leave the other thread in the middle of its swap for
        // longer than many rounds take, each of which is refused in microseconds.
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        var (round, inside) = (0, 0)
        while inside < 250, ContinuousClock.now < deadline {
            round += 1
            do {
                try directory.writeDurably("a/sub/file", Array("inside".utf8))
                #expect(try directory.read("a/sub/file", sizeMax: ByteCount(100)) == Array("inside".utf8))
                if round.isMultiple(of: 3) { try directory.removeTree("a/sub/file") }
                if round.isMultiple(of: 7) { try directory.createSymlink("a/sub/l\(round)", to: "x") }
                inside += 1
            } catch let error as EffectsError {
                #expect(["effects.file.escape", "effects.file.absent"].contains(error.code))
            }
            if round.isMultiple(of: 5) { await Task.yield() }
        }
        attacker.cancel()
        _ = await attacker.result
        #expect(inside == 250, "of \(round) rounds")
        #expect(try outside.directory.read("victim/sub/file", sizeMax: ByteCount(100)) == Array("outside".utf8))
        #expect(try outside.directory.list("victim/sub").map(\.name) == ["file"])
    }

    @Test("A writer that was killed leaves nothing that hinders or harms the next one")
    func writeOverLeftovers() throws {
        let outside = try TemporaryFolder()
        try outside.directory.writeDurably("victim", Array("safe".utf8))
        let leftovers: [() throws -> Void] = [
            { try directory.writeDurably(".file.new", Array(repeating: 7, count: 100_000)) },
            { try directory.createSymlink(".file.new", to: outside.path + "/victim") },
            { try directory.createDirectory(".file.new/deep/er") },
            { try directory.hardLink(".file.new", from: outside.directory, "victim") },
        ]
        for leave in leftovers {
            try leave()
            try directory.writeDurably("file", Array("new".utf8))
            #expect(try directory.read("file", sizeMax: ByteCount(9)) == Array("new".utf8))
            #expect(try directory.list().map(\.name) == ["file"])
        }
        #expect(try outside.directory.read("victim", sizeMax: ByteCount(9)) == Array("safe".utf8))
    }

    @Test(
        "On a full disk the old bytes stay, the error says so, and nothing is left that keeps it full",
        .enabled(if: SmallDisk.isPossible, "mounts a file system"))
    func fullDisk() async throws {
        try await SmallDisk.with { disk in
            try disk.writeDurably("file", Array("old".utf8))
            let found = code { try disk.writeDurably("file", Array(repeating: 1, count: 1 << 20)) }
            #expect(found == "effects.file.noSpace")
            #expect(try disk.read("file", sizeMax: ByteCount(9)) == Array("old".utf8))
            #expect(try disk.list().map(\.name) == ["file"])
            try disk.writeDurably("file", Array("new".utf8))
        }
    }

    @Test("Many writers of one file take turns: the result is one of theirs, whole")
    func concurrentWriters() async throws {
        let directory = directory
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for _ in 0..<20 { try directory.writeDurably("f", Array(repeating: UInt8(writer), count: 10_000)) }
                }
            }
            try await group.waitForAll()
        }
        let bytes = try directory.read("f", sizeMax: ByteCount(20_000))
        #expect(bytes.count == 10_000 && Set(bytes).count == 1)
        #expect(try directory.list().map(\.name) == ["f"])
    }

    @Test("A folder is removed with links, strange names and any depth, and nothing beyond it")
    func removeTree() throws {
        let outside = try TemporaryFolder()
        try outside.directory.writeDurably("kept", [1])
        var deep = try directory.createDirectory("tree")
        try deep.createSymlink("link", to: outside.path)
        try deep.writeDurably("file", [1])
        #expect(mkdir(folder.path + "/tree/\u{1}", 0o500) == 0)
        // "tree/\xff\xfe"
        #expect(mkdirat(directory.descriptor, [116, 114, 101, 101, 47, -1, -2, 0] as [CChar], 0o755) == 0)
        #expect(code { _ = try directory.list("tree") } == "effects.file.name")
        for _ in 0..<300 {
            deep = try deep.createDirectory("d")
            try deep.writeDurably("f", [2])
        }
        try directory.removeTree("tree")
        try directory.removeTree("tree")
        #expect(try directory.list().isEmpty)
        #expect(try outside.directory.list().map(\.name) == ["kept"])
    }

    @Test("A folder can be removed little by little: never more than asked for, never through a link, whole in the end")
    func removeSome() throws {
        try directory.writeDurably("kept", [1])
        let tree = try directory.createDirectory("tree")
        try tree.createSymlink("link", to: "../kept")
        for folder in 0..<5 {
            for file in 0..<7 { try tree.createDirectory("d\(folder)").writeDurably("f\(file)", []) }
        }
        var (rounds, before) = (0, 42)
        while try !directory.removeSome("tree", atMost: 10) {
            let after = try directory.list().contains { $0.name == "tree" } ? count(tree) : 0
            #expect(before - after <= 10)
            (rounds, before) = (rounds + 1, after)
        }
        #expect(rounds >= 4)
        #expect(try directory.list().map(\.name) == ["kept"])
        #expect(try directory.removeSome("tree", atMost: 1))
    }

    private func count(_ directory: Directory) throws -> Int {
        try directory.list().reduce(0) { sum, entry in
            sum + 1 + (entry.kind == .directory ? try count(directory.directory(entry.name)) : 0)
        }
    }

    @Test("One holder of a directory's lock at a time; it is free again when its holder is gone")
    func lock() throws {
        var first = try directory.lock()
        #expect(first != nil)
        #expect(try Directory.open(folder.path).lock() == nil)
        first?.release()
        first = nil
        #expect(try directory.lock() != nil)
    }

    @Test("Names come sorted by bytes with their kinds")
    func list() throws {
        for name in ["b", "B", "ä", "a"] { try directory.writeDurably(name, []) }
        try directory.createDirectory("0")
        try directory.createSymlink("z", to: "a")
        let expected: [(String, FileStatus.Kind)] = [
            ("0", .directory), ("B", .file), ("a", .file), ("b", .file), ("z", .symlink), ("ä", .file),
        ]
        #expect(try directory.list() == expected.map { DirectoryEntry(name: $0.0, kind: $0.1) })
    }

    @Test("An open file reads and writes at offsets, appends, truncates")
    func openFile() throws {
        let file = try directory.createFile("f", mode: 0o640)
        try file.write(Array("hello world".utf8))
        try file.write(Array("W".utf8), at: 6)
        #expect(try file.read(at: 6, count: 100) == Array("World".utf8))
        #expect(try file.read(at: Int64.max, count: Int.max).isEmpty)
        #expect(try file.read(at: 100, count: -1).isEmpty)
        try file.seek(to: 0)
        #expect(try file.read(upTo: 5) == Array("hello".utf8))
        try file.truncate(to: ByteCount(5))
        try directory.appendFile("f").write(Array("!".utf8))
        #expect(try directory.read("f", sizeMax: ByteCount(100)) == Array("hello!".utf8))
        #expect(code { _ = try directory.createFile("f") } == "effects.file.exists")
    }

    @Test("A rename replaces in one step and an exchange swaps")
    func renames() throws {
        try directory.createDirectory("x")
        try directory.createSymlink("current.new", to: "2")
        try directory.createSymlink("current", to: "1")
        try directory.exchange("current", with: "current.new")
        #expect(try directory.readLink("current") == "2")
        try directory.rename("current.new", to: "x/old")
        #expect(try directory.readLink("x/old") == "1")
        #expect(code { try directory.rename("none", to: "x/old") } == "effects.file.absent")
    }

    @Test("`create` makes every missing parent")
    func createParents() throws {
        let made = try Directory.create(folder.path + "/p/q/r", mode: 0o700)
        #expect(try made.list().isEmpty)
        #expect(try directory.status("p/q/r")?.mode == 0o700)
        #expect(try Directory.create(folder.path + "/p/q/r").freeSpace() > ByteCount(0))
    }

    @Test("Keys are made as PKCS#8 PEM, a new one each time")
    func keys() throws {
        let keys = try (0..<2).map { _ in try KeyGeneration.ed25519PrivateKeyPEM() }
        #expect(keys[0] != keys[1])
        let elliptic = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        for key in keys + [elliptic] { #expect(key.hasPrefix("-----BEGIN PRIVATE KEY-----\n")) }
    }
}
