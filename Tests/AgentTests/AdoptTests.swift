import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("Adopting what already runs")
struct AdoptTests {
    private func adopt(
        _ dir: TemporaryFolder, _ root: TemporaryFolder, persistent: [String] = [], unit: String = "web"
    ) async throws -> HostRelease {
        let folder = AgentFolder(base: dir.directory)
        let configuration = RealAgent.configuration(repository: "http://127.0.0.1", root: root.path)
        let adoption = Adoption(
            installTo: "/opt/web",
            name: ReleaseName(product: TestRepository.product, version: try ReleaseVersion("0.0.0")),
            unit: try UnitName(unit), systemd: nil, persistent: persistent)
        return try await LocalAgent.run(folder, configuration, doors: .byHand(NoNetwork())) { agent in
            try await agent.adopt(adoption)
        }
    }

    private func old() throws -> TemporaryFolder {
        let root = try TemporaryFolder()
        _ = try root.directory.createDirectory("opt/web/bin")
        _ = try root.directory.createDirectory("opt/web/uploads/deep", mode: 0o750)
        try root.directory.writeDurably("opt/web/VERSION", Array("old".utf8), mode: 0o640)
        try root.directory.writeDurably("opt/web/bin/serve", Array("#!/bin/sh\n".utf8), mode: 0o750)
        try root.directory.writeDurably("opt/web/uploads/deep/data", Array("theirs".utf8))
        try root.directory.createSymlink("opt/web/current", to: "bin/serve")
        return root
    }

    @Test("The path leads to the files at every moment; the first release backs out to it; data is shared")
    func wholeWay() async throws {
        let (dir, root) = (try TemporaryFolder(), try old())
        let isDone = Atomic(false)
        // Reads the file by its path as fast as it can while the folder becomes a link.
        let reader = Task.detached {
            var reads = 0
            while !isDone.load(ordering: .relaxed) || reads == 0 {
                let bytes = try Directory.open(root.path + "/opt/web").read("VERSION", sizeMax: ByteCount(10))
                #expect(bytes == Array("old".utf8))
                reads += 1
                // Where there is one processor, the adoption goes on in between only.
                await Task.yield()
            }
            return reads
        }
        let adopted = try await adopt(dir, root, persistent: ["uploads"])
        isDone.store(true, ordering: .relaxed)
        #expect(try await reader.value > 0)
        #expect(try root.directory.readLink("opt/web") == "web.releases/\(adopted.folder)")
        // For whoever is on the way still, links stay; they lead to the files and go with the next release.
        for link in [".web.adopted", ".web.adopted.way", "web.releases/.web.adopted.way"] {
            let bytes = try Directory.open("\(root.path)/opt/\(link)").read("VERSION", sizeMax: ByteCount(10))
            #expect(bytes == Array("old".utf8))
        }
        #expect(
            try root.directory.read("opt/web.persistent/uploads/deep/data", sizeMax: ByteCount(10))
                == Array("theirs".utf8))
        let again = await #expect(throws: AgentError.self) { try await adopt(dir, root) }
        #expect(again?.code == "agent.adopt.there")

        let repository = try TestRepository()
        let release = try await repository.submit("1.0", units: [TestRepository.unit(persistent: ["uploads"])])
        let host = try await TestHost(repository, dir: dir, root: root)
        let installed = try await host.carryOut(repository.assignment(1, .install, release), order(1))
        #expect(installed.outcome == .succeeded, "\(installed)")
        #expect(try host.version() == "1.0")
        let opt = try root.directory.list("opt").map(\.name).sorted()
        #expect(opt == ["web", "web.persistent", "web.releases"])
        #expect(try root.directory.status("opt/web.releases/.web.adopted.way") == nil)
        let back = try await host.carryOut(repository.assignment(1, .backOut, release), order(1, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try host.version() == "old")
        #expect(try root.directory.status("opt/web.releases/\(adopted.folder)/bin/serve")?.mode == 0o750)
        let check = try InstalledCheck(
            folder: AgentFolder(base: dir.directory),
            configuration: RealAgent.configuration(repository: "http://127.0.0.1", root: root.path),
            processes: LiveProcesses())
        #expect(try await check.conditions(of: host.record).map(\.differences) == [[]])
        try await host.end()
    }

    @Test("A release that has the adopted folder under another unit's name is refused, nothing is touched")
    func otherName() async throws {
        let (dir, root) = (try TemporaryFolder(), try old())
        _ = try await adopt(dir, root, unit: "other")
        let repository = try TestRepository()
        let release = try await repository.submit("1.0")
        let host = try await TestHost(repository, dir: dir, root: root)
        let ended = try await host.carryOut(repository.assignment(1, .install, release), order(1))
        #expect(ended.failure?.evidence.error.code == "agent.unit.renamed", "\(ended)")
        #expect(try host.version() == "old")
        try await host.end()
    }
}
