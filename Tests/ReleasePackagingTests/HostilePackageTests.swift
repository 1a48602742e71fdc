import Effects
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("Hostile package files")
struct HostilePackageTests {
    let fixture: PackagingFixture
    let around: Directory

    init() throws {
        fixture = try PackagingFixture()
        around = try fixture.folder.directory.createDirectory("around")
        try around.writeDurably("witness", Array("untouched".utf8))
        try fixture.write("service/a", Array("first file".utf8))
        // Two members: one would not show an exchange.
        try fixture.write(
            "service/b", PackagingFixture.text(seed: 3, size: 150_000) + PackagingFixture.noise(seed: 4, size: 60_000))
        try fixture.link("service/c", to: "a")
    }

    private func forge(_ package: HostilePackage?) async throws -> [UInt8] {
        var forge = try PackageForge(try await fixture.build(), blobs: fixture.blobs)
        try package?.forge(&forge)
        return try forge.bytes
    }

    @Test("is refused by whoever copies it, and nothing of it stays", arguments: HostilePackage.all)
    func copied(package: HostilePackage) async throws {
        let bytes = try await forge(package)
        let store = BlobStore(try around.createDirectory("blobs"))
        let found = code {
            let contents = try PackageFile.read(ByteArraySource(bytes), into: store)
            // What a copier cannot see, whoever unpacks does.
            for unit in contents.manifest.units {
                try PayloadInstaller.unpack(unit, blobs: store, into: try fixture.staging())
            }
        }
        // Copying compares each blob with the manifest before anything is inflated.
        let expected = package.code == "packaging.payload.digest" ? "packaging.package.digest" : package.code
        #expect(found == expected)
        #expect(try around.list().map(\.name) == ["blobs", "witness"])
    }

    @Test("is refused by the program within its bounds, and nothing around is touched", arguments: HostilePackage.all)
    func unpacked(package: HostilePackage) async throws {
        let program = try #require(try Program.slipway())
        let bytes = try await forge(package)
        try fixture.folder.directory.writeDurably("package.slip", bytes)
        let before = try describe(fixture.folder.directory)
        let result = try await program.run(
            ["package", "unpack", fixture.folder.directory.path + "/package.slip", around.path + "/tree"])
        #expect(result.status == 1, "\(result.errors)")
        #expect(result.errors.contains("error: \(package.code): "), "\(result.errors)")
        #expect(result.peakKiB <= 64 << 10)
        #expect(try describe(fixture.folder.directory) == before)
    }

    @Test("The honest one is accepted by both, with every setting at either bound", arguments: [false, true])
    func honest(atMost: Bool) async throws {
        var forge = try PackageForge(try await fixture.build(), blobs: fixture.blobs)
        let end = { (bounds: ClosedRange<TimeSpan>) in atMost ? bounds.upperBound : bounds.lowerBound }
        forge.manifest.backOut.keep = atMost ? 100 : 2
        forge.manifest.build.compressionLevel = atMost ? 12 : 1
        forge.manifest.units[0].definition.hooks.timeout = end(UnitHooks.timeoutBounds)
        forge.manifest.units[0].definition.minimumHealthy = end(UnitDefinition.healthyBounds)
        forge.manifest.units[0].definition.health = [
            HealthCheck(
                probe: .http(url: "http://localhost/", status: atMost ? 599 : 100), every: end(HealthCheck.everyBounds),
                timeout: end(HealthCheck.timeoutBounds), startPeriod: end(HealthCheck.startPeriodBounds),
                failures: atMost ? 1000 : 1)
        ]
        forge.entries = (0..<(atMost ? 1024 : 0)).map { ("trust/\($0)", []) } + forge.entries
        let bytes = try forge.bytes
        let store = BlobStore(try around.createDirectory("blobs"))
        _ = try PackageFile.read(ByteArraySource(bytes), into: store)
        let program = try #require(try Program.slipway())
        try fixture.folder.directory.writeDurably("package.slip", bytes)
        let result = try await program.run(
            ["package", "unpack", fixture.folder.directory.path + "/package.slip", around.path + "/tree"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try describe(around.directory("tree")) == describe(fixture.source.directory("service")))
    }

    @Test(
        "A patch whose head is all lines or one line is not used, within the same bounds",
        arguments: [UInt8(ascii: "\n"), UInt8(ascii: "["), UInt8(ascii: "0")])
    func patchHead(filling: UInt8) async throws {
        let program = try #require(try Program.slipway())
        let folder = fixture.folder.directory
        try folder.writeDurably("package.slip", try await forge(nil))
        let package = folder.path + "/package.slip"
        #expect(try await program.run(["package", "unpack", package, around.path + "/old"]).status == 0)
        let digest = String(repeating: "0", count: 64)
        let size = PatchFormat.headTextSizeMax
        var text = Array(
            (#"{"format":"slipway.patch/1","frames":1,"from":"\#(digest)","fromLength":1,"index":1,"to":"\#(digest)","#
                + #""toLength":1}"# + "\n").utf8)
        text += repeatElement(filling, count: size - text.count - 1) + [PatchFormat.lineFeed]
        try folder.writeDurably("lying.patch", try HostilePatchTests.file(head: text, rest: []))
        let result = try await program.run(
            [
                "package", "unpack", package, around.path + "/tree", "--base", around.path + "/old", "--patch",
                folder.path + "/lying.patch",
            ])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("(packaging.patch.head)"), "\(result.errors)")
        #expect(result.peakKiB <= 64 << 10)
    }

    @Test("There are more named cases than the list asks for")
    func count() {
        let names = HostileArchive.all.map { "archive: " + $0.name } + HostilePackage.all.map { "package: " + $0.name }
        #expect(Set(names).count == names.count)
        #expect(names.count >= 61)
    }
}

/// The real program under limits that the kernel holds: 2 s of processor time, no file beyond 4 MiB; how much memory it
/// had at most is asked of the kernel when it has ended.
struct Program {
    var path: String

    struct Result {
        var status: Int32
        var peakKiB: Int
        var errors: String
    }

    /// Beside the tests, where `swift build --build-tests` puts it.
    static func slipway() throws -> Program? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(decoding: buffer[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        for folder in [own.split(separator: "/").dropLast().joined(separator: "/"), root.dropFirst() + ".build/debug"] {
            let path = "/\(folder)/slipway"
            if access(path, X_OK) == 0 { return Program(path: path) }
        }
        try Test.cancel("the program slipway was not built beside the tests: swift build --build-tests")
    }

    private static let script = """
        import resource, subprocess, sys
        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
            resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
        done = subprocess.run(sys.argv[1:], preexec_fn=limit, timeout=45, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        print(done.stderr.decode(errors="replace"))
        """

    func run(_ arguments: [String]) async throws -> Result {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/python3", arguments: ["-c", Self.script, path] + arguments,
                environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], workingDirectory: "/",
                timeout: .seconds(60)))
        let lines = result.output.split(separator: "\n", maxSplits: 1)
        let numbers = lines.first?.split(separator: " ").compactMap { Int($0) } ?? []
        guard numbers.count == 2 else { throw ProgramFailure(output: result.output) }
        return Result(
            status: Int32(numbers[0]), peakKiB: numbers[1], errors: lines.count > 1 ? String(lines[1]) : "")
    }
}

struct ProgramFailure: Error { var output: String }
