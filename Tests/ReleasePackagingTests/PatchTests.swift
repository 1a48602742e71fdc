import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

/// Two releases of one tree, the first one installed, and the patch between them.
struct PatchFixture {
    let packaging: PackagingFixture
    let old: ManifestUnit
    let new: ManifestUnit
    let installed: Directory
    let summary: PatchSummary
    let patch: [UInt8]

    /// - Parameter change: makes the second release from the first's tree.
    init(
        persistent: [String] = [], _ change: (PackagingFixture) throws -> Void = Self.usualChange
    ) async throws {
        packaging = try PackagingFixture()
        try packaging.writeTree()
        for number in 0..<3 {
            try packaging.write(
                "service/large/\(number)", PackagingFixture.noise(seed: UInt64(number) + 90, size: 400_000))
        }
        old = try await packaging.build().manifest.units[0]
        try change(packaging)
        new = try await packaging.build(PackagingFixture.definition(version: "1.1")).manifest.units[0]
        installed = try packaging.staging("installed")
        try PayloadInstaller.unpack(old, blobs: packaging.blobs, into: installed)
        (summary, patch) = try Self.make(from: old, to: new, packaging, persistent: persistent, jobs: 3)
    }

    static func usualChange(_ fixture: PackagingFixture) throws {
        var server = PackagingFixture.text(seed: 1, size: 300_000)
        server.insert(contentsOf: Array("a new line of text\n".utf8), at: 150_000)
        try fixture.write("service/bin/server", server, mode: 0o755)
        try fixture.write("service/share/doc/NEW", Array("new\n".utf8))
        try fixture.source.removeFile("service/many/7")
        for number in 0..<3 {
            var large = PackagingFixture.noise(seed: UInt64(number) + 90, size: 400_000)
            for position in stride(from: 1000, to: large.count, by: 20_000) { large[position] ^= 0x55 }
            try fixture.write("service/large/\(number)", large)
        }
    }

    static func make(
        from old: ManifestUnit, to new: ManifestUnit, _ fixture: PackagingFixture, persistent: [String] = [], jobs: Int
    ) throws -> (PatchSummary, [UInt8]) {
        try fixture.folder.directory.removeFile("scratch")
        let builder = try PatchBuilder(
            from: PatchSide(old, in: fixture.blobs), to: PatchSide(new, in: fixture.blobs), persistent: persistent,
            scratch: fixture.folder.directory.createFile("scratch"))
        var bytes: [UInt8] = []
        let summary = try builder.run(jobs: jobs) { bytes += $0 }
        return (summary, bytes)
    }

    func reader(_ bytes: [UInt8]? = nil, from tree: Directory? = nil) throws -> PatchReader {
        try packaging.folder.directory.writeDurably("patch", bytes ?? patch)
        let text = try PayloadIndex.text(of: old.payload, in: packaging.blobs)
        let index = try PayloadIndex(parsing: text, for: old.payload)
        return try PatchReader(
            packaging.folder.directory.openFile("patch"), to: new.payload,
            from: InstalledStream(tree ?? installed, index: index), indexText: text)
    }

    func unpack(_ reader: PatchReader, as name: String = "updated") throws -> Directory {
        try packaging.folder.directory.removeTree(name)
        let staging = try packaging.staging(name)
        try PayloadInstaller.unpack(new, index: reader.index, members: reader, into: staging, jobs: 3)
        return staging
    }
}

@Suite("Patches")
struct PatchTests {
    @Test("A release unpacked from a patch and the installed tree is the release, and the patch is small")
    func roundTrip() async throws {
        let fixture = try await PatchFixture()
        #expect(fixture.summary.length.value == Int64(fixture.patch.count))
        #expect(fixture.summary.frames > 1)
        #expect(fixture.patch.count < 20_000)
        #expect(fixture.new.payload.compressed.length.value > 1_500_000)
        let reader = try fixture.reader()
        let published = try PayloadIndex(of: fixture.new.payload, in: fixture.packaging.blobs)
        #expect(reader.index == published)
        let updated = try fixture.unpack(reader)
        #expect(try describe(updated) == describe(fixture.packaging.source.directory("service")))
    }

    @Test("The number of threads does not change a patch")
    func deterministic() async throws {
        let fixture = try await PatchFixture()
        for jobs in [1, 2, 7] {
            let again = try PatchFixture.make(from: fixture.old, to: fixture.new, fixture.packaging, jobs: jobs)
            #expect(again.1 == fixture.patch)
        }
    }

    @Test("Members are the same in any order, asked for again, and by many threads")
    func order() async throws {
        let fixture = try await PatchFixture()
        let payload = PayloadReader(
            try PayloadIndex(of: fixture.new.payload, in: fixture.packaging.blobs),
            payload: try fixture.packaging.blobs.open(fixture.new.payload.compressed))
        let reader = try fixture.reader()
        let numbers = Array(reader.index.members.indices)
        for order in [numbers, numbers.reversed(), numbers + numbers] {
            let turn = Turn(order.count)
            try Workers.run(4) {
                try turn.each { place in
                    let number = order[place]
                    let length = Int(reader.index.members[number].tar.length.value)
                    var (patched, wanted) = ([UInt8](repeating: 1, count: length), [UInt8](repeating: 2, count: length))
                    try patched.withUnsafeMutableBytes { try reader.read(number, into: $0) }
                    try wanted.withUnsafeMutableBytes { try payload.read(number, into: $0) }
                    #expect(patched == wanted)
                }
            }
        }
    }

    @Test("An unchanged release has a patch of no frames")
    func unchanged() async throws {
        let fixture = try await PatchFixture { _ in }
        #expect(fixture.summary.frames == 0)
        #expect(fixture.patch.count < 600)
        let updated = try fixture.unpack(try fixture.reader())
        #expect(try describe(updated) == describe(fixture.packaging.source.directory("service")))
    }

    @Test("A release that has nothing in common with the old one is whole in its patch")
    func nothingShared() async throws {
        let fixture = try await PatchFixture { fixture in
            try fixture.source.removeTree("service")
            try fixture.write("service/other", PackagingFixture.noise(seed: 1234, size: 2_000_000))
        }
        let updated = try fixture.unpack(try fixture.reader())
        #expect(try describe(updated) == describe(fixture.packaging.source.directory("service")))
    }

    @Test("A changed file of the old tree costs what depends on it, never a wrong byte")
    func changedSource() async throws {
        let fixture = try await PatchFixture()
        #expect(try fixture.reader().unavailable(among: Array(0..<fixture.reader().index.members.count)).isEmpty)
        try fixture.installed.removeFile("large/1")
        try fixture.installed.createFile("large/1").write([1, 2, 3])
        let reader = try fixture.reader()
        let all = Array(reader.index.members.indices)
        let lost = reader.unavailable(among: all)
        #expect(!lost.isEmpty && lost.count < all.count)
        for number in all {
            var bytes = [UInt8](repeating: 0, count: Int(reader.index.members[number].tar.length.value))
            let found = code { try bytes.withUnsafeMutableBytes { try reader.read(number, into: $0) } }
            #expect(found == (lost.contains(number) ? "packaging.patch.source" : nil), "\(number)")
        }
        #expect(code { _ = try fixture.unpack(reader) } == "packaging.patch.source")
    }

    @Test("Nothing refers to files that are the service's own once they are installed")
    func persistent() async throws {
        let fixture = try await PatchFixture(persistent: ["large/2"])
        try fixture.installed.removeFile("large/2")
        let reader = try fixture.reader()
        // What can be lost is only what both releases share there.
        let published = try PayloadIndex(of: fixture.old.payload, in: fixture.packaging.blobs)
        let known = Set(published.members.map(\.tar))
        let lost = reader.unavailable(among: Array(reader.index.members.indices))
        #expect(lost.allSatisfy { known.contains(reader.index.members[$0].tar) })
    }
}

@Suite("Hostile patches")
struct HostilePatchTests {
    @Test("A flipped bit anywhere is refused by a code, or changes nothing")
    func flippedBits() async throws {
        let fixture = try await PatchFixture()
        let right = try describe(fixture.packaging.source.directory("service"))
        for position in fixture.patch.indices where position < 400 || position % 41 == 0 {
            var spoilt = fixture.patch
            spoilt[position] ^= 1 << UInt8(position % 8)
            do {
                let updated = try fixture.unpack(try fixture.reader(spoilt))
                #expect(try describe(updated) == right, "\(position)")
            } catch {
                let found = ReportedError(error).code
                #expect(
                    found.hasPrefix("packaging.patch.") || found == "packaging.index.digest", "\(found) \(position)")
            }
        }
    }

    @Test("A patch that ends early or goes on is refused when it is opened")
    func truncated() async throws {
        let fixture = try await PatchFixture()
        for count in fixture.patch.indices where count < 100 || count % 97 == 0 {
            #expect(throws: PackagingError.self) { _ = try fixture.reader(Array(fixture.patch[..<count])) }
        }
        #expect(code { _ = try fixture.reader(fixture.patch + [0]) } == "packaging.patch.length")
    }

    @Test("A patch between other releases is refused")
    func other() async throws {
        let fixture = try await PatchFixture()
        let back = try PatchFixture.make(from: fixture.new, to: fixture.old, fixture.packaging, jobs: 1)
        #expect(code { _ = try fixture.reader(back.1) } == "packaging.patch.other")
    }

    /// The patch with its head changed and stored again.
    private func forged(_ fixture: PatchFixture, _ change: (inout PatchHead) -> Void) throws -> [UInt8] {
        try fixture.packaging.folder.directory.writeDurably("forged", fixture.patch)
        var (head, end) = try PatchHead.read(fixture.packaging.folder.directory.openFile("forged"))
        change(&head)
        return try Self.file(head: head.text, rest: Array(fixture.patch[Int(end)...]))
    }

    static func file(head text: [UInt8], claiming size: Int? = nil, rest: [UInt8]) throws -> [UInt8] {
        let stored = try text.withUnsafeBytes {
            try ZstdEncoder().encode($0, prefix: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        var bytes = PatchFormat.magic
        for number in [stored.count, size ?? text.count] {
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
        return bytes + stored + rest
    }

    @Test("Heads that lie are refused before anything of theirs is allocated or read")
    func lyingHeads() async throws {
        let fixture = try await PatchFixture()
        let cases: [(String, (inout PatchHead) -> Void)] = [
            ("head", { $0.frames[0].references = [(1 << 40)..<(1 << 40) + 5] }),
            ("head", { $0.frames[0].references = [0..<Int64(PatchFormat.referenceSizeMax) + 1] }),
            ("head", { $0.frames[0].references = [0..<(3 << 20), (3 << 20)..<(5 << 20)] }),
            ("head", { $0.frames[0].references = [100..<200, 50..<60] }),
            ("head", { $0.frames[0].references = (0..<65).map { $0 * 10..<$0 * 10 + 5 } }),
            ("head", { $0.frames[0].members = 1_000_000..<1_000_001 }),
            ("head", { $0.frames[0].members = 0..<(1 << 20) + 1 }),
            ("incomplete", { $0.frames.swapAt(0, 1) }),
            ("head", { $0.frames[1].members = $0.frames[0].members }),
            (
                "incomplete",
                { head in
                    head.frames[0].members =
                        head.frames[0].members.lowerBound + 1..<head.frames[0].members.upperBound + 1
                }
            ),
            ("length", { $0.frames[0].length += 1 }), ("length", { $0.indexLength += 1 }),
            ("length", { $0.frames.removeLast() }), ("head", { $0.indexLength = 1 << 30 }),
            ("head", { $0.frames[0].length = 1 << 30 }),
            ("head", { $0.to.length = ByteCount(1 << 40) }), ("head", { $0.from.length = ByteCount(1 << 40) }),
            ("other", { $0.to.length = ByteCount(5000) }), ("other", { $0.from = $0.to }),
        ]
        for (number, (expected, change)) in cases.enumerated() {
            let bytes = try forged(fixture, change)
            #expect(code { _ = try fixture.reader(bytes) } == "packaging.patch.\(expected)", "case \(number)")
        }
    }

    @Test("A frame that opens to more, to less or to other bytes is refused")
    func lyingFrames() async throws {
        let fixture = try await PatchFixture()
        try fixture.packaging.folder.directory.writeDurably("forged", fixture.patch)
        let (head, _) = try PatchHead.read(fixture.packaging.folder.directory.openFile("forged"))
        let last = try #require(head.frames.last)
        let size = try fixture.reader().index.members[last.members].reduce(0) { $0 + Int($1.tar.length.value) }
        for (length, expected) in [(size + 1, "frame"), (size - 1, "frame"), (1 << 28, "frame"), (size, "digest")] {
            let bomb = try [UInt8](repeating: 0, count: length).withUnsafeBytes {
                try ZstdEncoder().encode($0, prefix: UnsafeRawBufferPointer(start: nil, count: 0))
            }
            let bytes = try forged(fixture) { $0.frames[$0.frames.count - 1].length = bomb.count }
            let reader = try fixture.reader(Array(bytes.dropLast(last.length)) + bomb)
            #expect(code { _ = try fixture.unpack(reader) } == "packaging.patch.\(expected)", "\(length)")
        }
    }

    @Test("A head that claims to be larger than it may be is not opened")
    func largeHead() async throws {
        let fixture = try await PatchFixture()
        for size in [PatchFormat.headTextSizeMax + 1, Int(UInt32.max), 5] {
            let bytes = try Self.file(head: Array("{}\n".utf8), claiming: size, rest: [])
            #expect(throws: PackagingError.self) { _ = try fixture.reader(bytes) }
        }
    }
}
