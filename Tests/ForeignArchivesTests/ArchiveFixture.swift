import Effects
import ForeignArchives
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

/// A folder that goes with the test, with a staging folder in it to unpack to and files beside it that must stay.
final class ArchiveFixture {
    let path: String
    let directory: Directory
    let staging: Directory

    init() throws {
        var template = Array("/tmp/slipway-archives.XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
        directory = try Directory.open(path)
        staging = try directory.createDirectory("staging")
        try write("beside", Array("must stay\n".utf8))
    }

    deinit {
        guard let parent = try? Directory.open("/tmp") else { return }
        try? parent.removeTree(String(path.dropFirst("/tmp/".count)))
    }

    func write(_ name: String, _ bytes: [UInt8], mode: UInt16 = 0o644) throws {
        if let slash = name.lastIndex(of: "/") { try directory.createDirectory(String(name[..<slash])) }
        let file = try directory.createFile(name, mode: mode)
        try file.write(bytes)
    }

    @discardableResult
    func unpack(_ name: String, bounds: ArchiveBounds = .init()) throws -> UnpackedArchive {
        try ForeignArchive.unpack(try directory.openFile(name), named: name, into: staging, bounds: bounds)
    }

    func unpack(_ bytes: [UInt8], named name: String, bounds: ArchiveBounds = .init()) throws {
        try write(name, bytes)
        try unpack(name, bounds: bounds)
    }

    /// Everything outside staging.
    func outside() throws -> [String] { try describe(directory).filter { !$0.hasPrefix("staging") } }

    /// Runs a real tool in the fixture's folder.
    @discardableResult
    func run(_ tool: String, _ arguments: String...) async throws -> ProcessResult {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: tool, arguments: arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"],
                workingDirectory: path, timeout: .seconds(60)))
        try #require(result.end == .exited(0), "\(tool): \(result.output)")
        return result
    }

    /// A tree with everything that an archive may bring: names, modes, links, sizes around a block.
    func writeTree() throws {
        try write("tree/bin/serve", Array("#!/bin/sh\n".utf8), mode: 0o755)
        try write("tree/empty", [])
        for size in [1, 511, 512, 513, 70_000] { try write("tree/sizes/\(size)", .init(repeating: 7, count: size)) }
        try write("tree/share/ünï $(touch x) 'quoted'", Array("name\n".utf8), mode: 0o640)
        try write("tree/share/u\u{308} decomposed", Array("not ü\n".utf8))
        try write("tree/" + String(repeating: "long/", count: 40) + String(repeating: "n", count: 120), [1])
        try directory.createDirectory("tree/nothing", mode: 0o700)
        try directory.createSymlink("tree/bin/current", to: "serve")
        try directory.createSymlink("tree/share/up", to: "../bin/serve")
        link(path + "/tree/sizes/513", path + "/tree/sizes/again")
    }
}
