import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Synchronization
import Testing

@Suite("A source tree that changes while it is read")
struct ChangingTreeTests {
    let fixture: PackagingFixture
    static let file = "service/run"
    /// More than one stretch of the stream.
    static let size = 2_000_000

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
        try fixture.write(Self.file, PackagingFixture.noise(seed: 3, size: Self.size))
    }

    static let changes: [(String, @Sendable (PackagingFixture) throws -> Void)] = [
        ("grows", { try $0.source.appendFile(file).write([1]) }),
        ("shrinks", { try $0.source.updateFile(file).truncate(to: ByteCount(size - 1)) }),
        ("is emptied", { try $0.source.updateFile(file).truncate(to: ByteCount(0)) }),
        ("is written in place", { try $0.source.updateFile(file).write([9], at: 1000) }),
        (
            "is replaced by another of its size",
            {
                try $0.write("service/.other", PackagingFixture.noise(seed: 4, size: size))
                try $0.source.rename("service/.other", to: file)
            }
        ),
        (
            "is replaced by a copy with its time",
            {
                let file = try $0.source.openFile(file)
                let time = try file.status().modifiedAt
                try $0.write("service/.other", file.readAll(sizeMax: ByteCount(size)))
                try $0.source.openFile("service/.other").setModified(at: time)
                try $0.source.rename("service/.other", to: Self.file)
            }
        ),
        ("vanishes", { try $0.source.removeFile(file) }),
        (
            "becomes a link",
            {
                try $0.source.removeFile(file)
                try $0.link(file, to: "bin/server")
            }
        ),
        (
            "becomes a folder",
            {
                try $0.source.removeFile(file)
                try $0.source.createDirectory(file)
            }
        ),
        (
            "becomes a pipe",
            {
                try $0.source.removeFile(file)
                mkfifo("\($0.source.path)/\(file)", 0o644)
            }
        ),
    ]

    @Test(
        "A file that changes after it was seen stops the build by its name; the store keeps nothing",
        arguments: 0..<changes.count)
    func afterTheScan(_ number: Int) async throws {
        let (name, change) = Self.changes[number]
        let isFirst = Atomic<Bool>(true)
        let error = await #expect(throws: PackagingError.self) {
            _ = try await fixture.build { [fixture] _ in
                // Told for the first time, the builder has seen the tree and read none of its files.
                guard isFirst.exchange(false, ordering: .relaxed) else { return }
                do { try change(fixture) } catch { Issue.record(error) }
            }
        }
        #expect(error?.code == "packaging.source.changed", "a file that \(name)")
        #expect(error?.summary.hasPrefix("run ") == true)
        #expect(try fixture.blobs.directory.list().isEmpty)
    }

    @Test("A file that changes while its bytes are read stops the build as well")
    func halfWay() async throws {
        let isFirst = Atomic<Bool>(true)
        try fixture.write(Self.file, PackagingFixture.text(seed: 3, size: 24_000_000))
        let error = await #expect(throws: PackagingError.self) {
            _ = try await fixture.build(jobs: 1) { [fixture] progress in
                guard progress.done.value > 2_000_000, isFirst.exchange(false, ordering: .relaxed) else { return }
                do { try fixture.source.appendFile(Self.file).write([1]) } catch { Issue.record(error) }
            }
        }
        #expect(error?.code == "packaging.source.changed")
        #expect(try fixture.blobs.directory.list().isEmpty)
    }
}
