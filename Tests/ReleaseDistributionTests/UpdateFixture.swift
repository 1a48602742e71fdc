import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@testable import ReleaseDistribution

/// Two releases of a tree in a repository, the first one installed, and the patch between them.
struct UpdateFixture: Sendable {
    let folder: TemporaryFolder
    let root: Directory
    let published: BlobStore
    let source: Directory
    let old: ManifestUnit
    let new: ManifestUnit
    let installed: InstalledUnit
    let patch: OfferedPatch

    init() async throws {
        folder = try TemporaryFolder()
        root = try folder.directory.createDirectory("repository")
        published = BlobStore(try root.createDirectory("blobs"))
        source = try folder.directory.createDirectory("source")
        let tree = try source.createDirectory("service")
        for number in 0..<24 {
            try tree.writeDurably("part-\(100 + number)", Self.noise(UInt64(number) + 1, 150_000))
        }
        try tree.writeDurably("readme", Array("first\n".utf8))
        old = try await Self.build("1.0", source, published)
        let directory = try folder.directory.createDirectory("installed")
        try PayloadInstaller.unpack(old, blobs: published, into: directory)
        for number in [3, 11, 12, 20] {
            var bytes = Self.noise(UInt64(number) + 1, 150_000)
            bytes.replaceSubrange(70_000..<70_010, with: Array("something new here".utf8))
            try tree.writeDurably("part-\(100 + number)", bytes)
        }
        try tree.writeDurably("readme", Array("second\n".utf8))
        new = try await Self.build("1.1", source, published)
        installed = InstalledUnit(
            tree: directory, record: old.payload, indexText: try PayloadIndex.text(of: old.payload, in: published))
        let builder = try PatchBuilder(
            from: PatchSide(old, in: published), to: PatchSide(new, in: published),
            scratch: folder.directory.createFile("scratch"))
        var bytes: [UInt8] = []
        _ = try builder.run(jobs: 2) { bytes += $0 }
        patch = OfferedPatch(
            from: old.payload.indexText.sha256, to: new.payload.indexText.sha256, blob: try published.add(bytes))
    }

    private static func build(_ version: String, _ source: Directory, _ blobs: BlobStore) async throws -> ManifestUnit {
        let definition = ReleaseDefinition(
            product: try ProductName("web-service"), version: try ReleaseVersion(version), category: .minor,
            summary: "A test", owner: "tests",
            units: [UnitDefinition(name: try UnitName("web"), source: "./service", installTo: "/opt/web")])
        return try await PackageBuilder.build(
            definition, from: source, into: blobs, sourceDate: UTCInstant(secondsSince1970: 1_795_000_000), jobs: 2
        ).manifest.units[0]
    }

    /// Bytes that do not compress.
    static func noise(_ seed: UInt64, _ size: Int) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 8)
        while bytes.count < size {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: state >> shift))
            }
        }
        return Array(bytes.prefix(size))
    }

    var payload: BlobReference { new.payload.compressed }
    var payloadPath: String { RepositoryLayout.blob(payload.sha256) }
    var patchPath: String { RepositoryLayout.blob(patch.blob.sha256) }

    func store(_ name: String = "downloads") throws -> BlobStore {
        BlobStore(try folder.directory.createDirectory(name))
    }

    func fetcher(_ http: any HTTPDoor, base: String = FolderHTTP.base, time: any TimeDoor = HurriedTime())
        -> PackageFetcher
    {
        PackageFetcher(http: http, time: time, address: RepositoryAddress(baseURL: base))
    }

    /// Unpacks what was fetched and compares every file with the source's.
    func check(_ fetched: FetchedUnit, _ name: String = "updated") throws {
        try folder.directory.removeTree(name)
        let staging = try folder.directory.createDirectory(name)
        try PayloadInstaller.unpack(
            new, index: fetched.index, members: fetched.members, into: staging, base: fetched.base, jobs: 2)
        let (made, wanted) = (try Self.files(staging), try Self.files(source.directory("service")))
        #expect(made == wanted)
    }

    private static func files(_ directory: Directory) throws -> [String: SHA256Digest] {
        var files: [String: SHA256Digest] = [:]
        for entry in try directory.list() {
            files[entry.name] = SHA256Digest(of: try directory.read(entry.name, sizeMax: ByteCount(1 << 24)))
        }
        return files
    }
}
