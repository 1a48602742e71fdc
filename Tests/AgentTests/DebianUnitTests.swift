import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

/// Real dpkg, with a database and a root of its own.
@Suite("Debian packages as a unit")
struct DebianUnitTests {
    private let work: TemporaryFolder
    private let root: TemporaryFolder

    init() throws {
        work = try TemporaryFolder()
        root = try TemporaryFolder()
        for folder in ["updates", "info", "triggers"] {
            _ = try root.directory.createDirectory("var/lib/dpkg/\(folder)")
        }
        for file in ["status", "available"] { try root.directory.writeDurably("var/lib/dpkg/\(file)", []) }
    }

    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: program, arguments: arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
                workingDirectory: "/", timeout: .seconds(60)))
        #expect(result.end == .exited(0), "\(result.output)")
        return result.output
    }

    /// A package with one configuration file and one other.
    private func package(_ name: String, _ version: String) async throws -> [UInt8] {
        let tree = "\(name)-\(version)"
        for (path, text) in [
            (
                "DEBIAN/control",
                "Package: \(name)\nVersion: \(version)\nArchitecture: all\nMaintainer: tests <t@example.net>\nDescription: a test\n"
            ),
            ("DEBIAN/conffiles", "/etc/\(name).conf\n"), ("etc/\(name).conf", "of \(version)\n"),
            ("usr/share/\(name)/version", "\(version)\n"),
        ] {
            _ = try work.directory.createDirectory(
                tree + "/" + String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
            try work.directory.writeDurably(tree + "/" + path, Array(text.utf8))
        }
        _ = try await run(
            "/usr/bin/dpkg-deb", ["--root-owner-group", "--build", work.path + "/" + tree, work.path + "/out.deb"])
        return try work.directory.read("out.deb", sizeMax: ByteCount(1 << 20))
    }

    private func version(_ name: String) async throws -> String? {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/dpkg-query",
                arguments: ["--admindir=\(root.path)/var/lib/dpkg", "-W", "-f", "${Version}", name],
                workingDirectory: "/", timeout: .seconds(60)))
        return result.end == .exited(0) && !result.output.isEmpty ? result.output : nil
    }

    private func file(_ name: String, _ version: String) async throws -> TestRepository.File {
        TestRepository.File("libs/\(name).deb", bytes: try await package(name, version))
    }

    @Test("Installs, updates with changed configuration kept, and backs out to the old package and to none")
    func wholeWay() async throws {
        let repository = try TestRepository()
        let unit = try UnitTypeTests.plain("libs", .deb)
        let one = try await repository.submit("1.0", files: [file("alpha", "1.0")], units: [unit])
        let two = try await repository.submit(
            "2.0", files: [file("alpha", "2.0"), file("beta", "1.0")], units: [unit])
        let host = try await TestHost(repository, root: root)
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        #expect(try await version("alpha") == "1.0")
        try root.directory.writeDurably("etc/alpha.conf", Array("changed here\n".utf8))

        let second = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(second.outcome == .succeeded, "\(second)")
        #expect(try await version("alpha") == "2.0")
        #expect(try await version("beta") == "1.0")
        #expect(try host.text("etc/alpha.conf") == "changed here\n")

        let back = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try await version("alpha") == "1.0")
        #expect(try await version("beta") == nil)
        #expect(try host.text("usr/share/alpha/version") == "1.0\n")
        #expect(try host.text("etc/alpha.conf") == "changed here\n")
        let none = try await host.carryOut(repository.assignment(1, .backOut, one), order(1, .backOut))
        #expect(none.outcome == .backedOut(nil), "\(none)")
        #expect(try await version("alpha") == nil)
        try await host.end()
    }

    @Test("A package that something else installed is replaced only if its file is at hand, and comes back")
    func foreignPackage() async throws {
        let repository = try TestRepository()
        let unit = try UnitTypeTests.plain("libs", .deb)
        let release = try await repository.submit("1.0", files: [file("alpha", "2.0")], units: [unit])
        let old = try await package("alpha", "1:0.9")
        try work.directory.writeDurably("old.deb", old)
        _ = try await run("/usr/bin/dpkg", ["--root=\(root.path)", "--install", work.path + "/old.deb"])
        let host = try await TestHost(repository, root: root)
        let refused = try await host.carryOut(repository.assignment(1, .install, release), order(1))
        #expect(refused.failure?.evidence.error.code == "agent.deb.irreversible", "\(refused)")
        #expect(try await version("alpha") == "1:0.9")

        _ = try root.directory.createDirectory("var/cache/apt/archives")
        try root.directory.writeDurably("var/cache/apt/archives/alpha_1%3a0.9_all.deb", old)
        let installed = try await host.carryOut(repository.assignment(2, .install, release), order(2))
        #expect(installed.outcome == .succeeded, "\(installed)")
        #expect(try await version("alpha") == "2.0")
        let back = try await host.carryOut(repository.assignment(2, .backOut, release), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try await version("alpha") == "1:0.9")
        try await host.end()
    }
}
