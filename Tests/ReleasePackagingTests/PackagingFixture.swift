import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

/// A release folder, a blob store and places to unpack to, all below one temporary folder.
struct PackagingFixture: Sendable {
    let folder: TemporaryFolder
    let source: Directory
    let blobs: BlobStore
    static let sourceDate = UTCInstant(secondsSince1970: 1_795_000_000)

    init() throws {
        folder = try TemporaryFolder()
        source = try folder.directory.createDirectory("source")
        blobs = BlobStore(try folder.directory.createDirectory("blobs"))
    }

    /// A tree with everything that a package may hold: about 1.1 MB.
    func writeTree(below root: String = "service", reversed: Bool = false) throws {
        var files: [(String, [UInt8], UInt16)] = [
            ("bin/server", Self.text(seed: 1, size: 300_000), 0o755),
            ("data/noise.bin", Self.noise(seed: 2, size: 600_000), 0o644),
            ("empty", [], 0o644),
            ("share/doc/README", Array("hello\n".utf8), 0o644),
            ("share/doc/ünïcode $(name).txt", Array("names are bytes\n".utf8), 0o600),
            ("a-b", Array("sorts between a and a/b\n".utf8), 0o644),
            ("a/b", Array("sorts after a-b\n".utf8), 0o664),
            (String(repeating: "deep/", count: 30) + "file", Array("long path\n".utf8), 0o644),
            (String(repeating: "n", count: 200) + "/" + String(repeating: "m", count: 120), Array("pax\n".utf8), 0o644),
        ]
        files += (0..<40).map { ("many/\($0)", Self.text(seed: UInt64($0) + 10, size: 5000 + $0), 0o644) }
        for (path, bytes, mode) in reversed ? files.reversed() : files {
            try write("\(root)/\(path)", bytes, mode: mode)
        }
        try source.createDirectory("\(root)/empty-folder", mode: 0o700)
        try link("\(root)/bin/current", to: "server")
        try link("\(root)/share/up", to: "../bin/./server")
        try link("\(root)/share/long", to: String(repeating: "doc/../", count: 0) + String(repeating: "x", count: 150))
    }

    func write(_ path: String, _ bytes: [UInt8], mode: UInt16 = 0o644) throws {
        if let slash = path.lastIndex(of: "/") { try source.createDirectory(String(path[..<slash])) }
        try source.removeFile(path)
        let file = try source.createFile(path, mode: mode)
        try file.write(bytes)
    }

    func link(_ path: String, to target: String) throws { try source.createSymlink(path, to: target) }

    static func definition(
        version: String = "1.0", attributes: [PathAttribute] = [], persistent: [String] = [],
        hooks: UnitHooks = .init(),
        documents: [String] = []
    ) throws -> ReleaseDefinition {
        ReleaseDefinition(
            product: try ProductName("web-service"), version: try ReleaseVersion(version), category: .minor,
            summary: "A test", owner: "tests",
            units: [
                UnitDefinition(
                    name: try UnitName("web"), source: "./service", installTo: "/opt/web", persistent: persistent,
                    hooks: hooks, attributes: attributes)
            ],
            documents: documents)
    }

    func build(
        _ definition: ReleaseDefinition? = nil, sourceDate: UTCInstant = sourceDate, base: Manifest? = nil,
        level: Int = PackageBuilder.levelDefault, jobs: Int = 3,
        progress: @escaping @Sendable (BuildProgress) -> Void = { _ in }
    ) async throws -> BuiltPackage {
        try await PackageBuilder.build(
            try definition ?? Self.definition(), from: source, into: blobs, sourceDate: sourceDate,
            base: base.map { PackageBase($0, in: blobs) },
            level: level, jobs: jobs, progress: progress)
    }

    func staging(_ name: String = "staging") throws -> Directory { try folder.directory.createDirectory(name) }

    /// Changes a blob's bytes behind the store's back.
    func tamper(_ blob: BlobReference, _ change: (inout [UInt8]) -> Void) throws {
        var bytes = try blobs.directory.read(blob.sha256.hex, sizeMax: ByteCount(1 << 30))
        change(&bytes)
        try blobs.directory.writeDurably(blob.sha256.hex, bytes)
    }

    /// Bytes that do not compress, the same on every machine.
    static func noise(seed: UInt64, size: Int) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<size).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
    }

    /// Bytes that do.
    static func text(seed: UInt64, size: Int) -> [UInt8] { noise(seed: seed, size: size).map { 0x61 + $0 % 16 } }
}

/// Runs a real tool and answers its output.
func run(_ tool: String, _ arguments: String..., in directory: String) async throws -> ProcessResult {
    try await LiveProcesses().run(
        ProcessCommand(
            executable: tool, arguments: arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"],
            workingDirectory: directory, timeout: .seconds(60)))
}
