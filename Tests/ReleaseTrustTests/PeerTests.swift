import Foundation
import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// Our TUF beside the reference implementation, by Tests/Interop/tuf_peer.py.
@Suite(
    "Beside python-tuf",
    .enabled(if: Peer.python != nil, "scripts/test installs python-tuf and names it in SLIPWAY_TEST_PYTHON"))
struct PeerTests {
    @Test("python-tuf reads 100 random repositories of ours, and finds what we find")
    func readsOurs() throws {
        let folder = try Peer.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        var (ours, input): ([String], [String]) = ([], [])
        for seed in 1...100 {
            let (repository, wanted) = try Self.random(seed: UInt64(seed))
            var host = try TestHost(of: repository)
            let trusted = try host.refresh(from: repository, targets: wanted)
            for path in wanted { ours.append("\(seed)\t\(try trusted.target(path)?.sha256?.hex ?? "absent")\t\(path)") }
            for (name, bytes) in repository.served { try Peer.write(bytes, to: folder, "\(seed)/metadata/\(name)") }
            for version in ["1.0"] + (1...6).map({ "1.0.\($0)" }) {
                for place in Self.places {
                    let path = TestRepository.path(version, place)
                    let file = TargetPath.file(of: path, sha256: TestRepository.manifest(version))
                    try Peer.write(Array("manifest of web@\(version)".utf8), to: folder, "\(seed)/targets/\(file)")
                }
            }
            input.append(
                ([String(seed), String(repository.now.millisecondsSince1970 / 1000)] + wanted).joined(separator: "\t"))
        }
        let theirs = try Peer.run(["read", folder.path], input: input.joined(separator: "\n") + "\n")
        #expect(theirs == ours)
    }

    private static let places: [ApprovalPlace] = [
        .environment(TestRepository.staging), .environment(TestRepository.production), .emergency,
    ]

    /// A repository with a history, and paths that are in it or are not.
    private static func random(seed: UInt64) throws -> (TestRepository, wanted: [String]) {
        var repository = try TestRepository()
        var chance = Chance(seed: seed)
        var wanted = [TestRepository.path("1.0")]
        for patch in 1...Int(2 + chance.next() % 4) {
            let place = places[Int(chance.next() % 3)]
            repository.now = repository.now + .hours(Int64(chance.next() % 20))
            try repository.approve("1.0.\(patch)", in: place)
            wanted.append(TestRepository.path("1.0.\(patch)", place))
            if chance.next() % 3 == 0 { try repository.rewrite { try $0.writeRoot() } }
            if chance.next() % 3 == 0 { try repository.renew() }
            if chance.next() % 3 == 0 {
                let other = try ProductName("db\(patch)")
                repository.apply(
                    try RepositoryWriter.addProduct(
                        other, environments: [TestRepository.staging], to: repository.state, keys: repository.keys,
                        at: repository.now))
            }
        }
        return (repository, wanted + [TestRepository.path("6.6"), "nowhere"])
    }

    @Test("We read 100 random repositories of python-tuf's, and find what they list")
    func readTheirs() throws {
        let folder = try Peer.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        var listed: [Int: [(sha256: String, path: String)]] = [:]
        for line in try Peer.run(["write", folder.path, "100"]) {
            let fields = line.split(separator: "\t").map(String.init)
            listed[try #require(Int(fields[0])), default: []].append((fields[1], fields[2]))
        }
        #expect(listed.count > 80)
        for seed in 1...100 {
            let targets = listed[seed] ?? []
            let metadata = folder.path + "/\(seed)/metadata"
            var repository = try TestRepository()
            repository.served = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: metadata) {
                repository.served[name] = Array(try Data(contentsOf: URL(filePath: metadata + "/" + name)))
            }
            var host = try TestHost(of: repository)
            let paths = targets.map(\.path) + ["nowhere"]
            let trusted = try host.refresh(from: repository, targets: paths, accepting: .all)
            for target in targets {
                #expect(try trusted.target(target.path)?.sha256?.hex == target.sha256, "\(seed): \(target.path)")
            }
            #expect(try trusted.target("nowhere") == nil)
        }
    }

    @Test("Our canonical form equals securesystemslib's on 10 000 random trees")
    func canonical() throws {
        var chance = Chance(seed: 7)
        let trees = (0..<10_000).map { _ in chance.tree(depth: 4) }
        let input = trees.map { String(decoding: $0.wireBytes, as: UTF8.self) }.joined(separator: "\n") + "\n"
        let theirs = try Peer.run(["canonical"], input: input)
        #expect(theirs.count == trees.count)
        for (tree, their) in zip(trees, theirs) where Hexadecimal.encode(tree.canonicalBytes) != their {
            Issue.record("\(String(decoding: tree.wireBytes, as: UTF8.self)): ours differs from \(their)")
        }
    }
}

private enum Peer {
    static let python = ProcessInfo.processInfo.environment["SLIPWAY_TEST_PYTHON"]
    static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Interop/tuf_peer.py").standardized.path

    static func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tuf-peer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    static func write(_ bytes: [UInt8], to folder: URL, _ path: String) throws {
        let file = folder.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    /// The lines that the script prints. Input and output are files: a full pipe would stop both sides.
    static func run(_ arguments: [String], input: String = "") throws -> [String] {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(Array(input.utf8), to: folder, "input")
        for name in ["output", "errors"] { try write([], to: folder, name) }
        let process = Process()
        process.executableURL = URL(filePath: try #require(python))
        process.arguments = [script] + arguments
        process.standardInput = try FileHandle(forReadingFrom: folder.appending(path: "input"))
        process.standardOutput = try FileHandle(forWritingTo: folder.appending(path: "output"))
        process.standardError = try FileHandle(forWritingTo: folder.appending(path: "errors"))
        try process.run()
        process.waitUntilExit()
        let errors = String(decoding: try Data(contentsOf: folder.appending(path: "errors")), as: UTF8.self)
        try #require(process.terminationStatus == 0, "\(errors)")
        let output = String(decoding: try Data(contentsOf: folder.appending(path: "output")), as: UTF8.self)
        return output.split(separator: "\n").map(String.init)
    }
}
