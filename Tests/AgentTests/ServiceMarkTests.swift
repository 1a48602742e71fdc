import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Which services are an agent's own")
struct ServiceMarkTests {
    @Test("Agents with the same relative --dir leave each other's services alone; strays are found after a restart")
    func sameRelativeFolder() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let baseline = try await TestHost(repository)
        try await baseline.carryOut(repository.assignment(1, .install, one), order(1))
        try await baseline.end()
        let server = try await WebServer(repository)
        // Copies of one folder: the random word is the same in both.
        let hosts = [
            try await RealAgent(copying: baseline, repository: server.url),
            try await RealAgent(copying: baseline, repository: server.url),
        ]
        var agents: [ServiceProcess] = []
        var services: [ServiceProcess] = []
        for host in hosts {
            agents.append(try host.start(nearby: true))
            services.append(try await poll { try Self.onRecord(host) })
        }
        #expect(hosts.map(\.services) == services.map { [$0] })
        // The first agent comes back and forgot that it started a service.
        try await hosts[0].kill(agents[0])
        try hosts[0].dir.directory.removeFile("services/web.web.json")
        agents[0] = try hosts[0].start(nearby: true)
        let next = try await poll { try Self.onRecord(hosts[0]) }
        #expect(next != services[0])
        #expect(hosts.map(\.services) == [[next], [services[1]]])
        for (host, agent) in zip(hosts, agents) {
            let log = String(
                decoding: try host.dir.directory.read("agent.log", sizeMax: ByteCount(1 << 20)), as: UTF8.self)
            #expect(!log.contains("service ended by itself"), "\(log.tail(2000))")
            try await host.kill(agent)
            try await host.end()
        }
        try await server.end()
    }

    @Test("Folders of the same path have marks of their own, kept; a damaged mark is made anew")
    func mark() throws {
        let key = ServiceKey(product: TestRepository.product, unit: try UnitName("web"))
        let place = try TemporaryFolder()
        // As two containers see it that share their processes, not their files.
        func folder() throws -> AgentFolder { AgentFolder(base: try place.directory.createDirectory("agent")) }
        #expect(try folder().serviceMark() == nil)
        let first = try folder().markServices(SystemRandom())
        #expect(try folder().markServices(SystemRandom()) == first)
        #expect(first.marker(key).hasPrefix("\(place.path)/agent/services/web.web#"))
        try place.directory.removeTree("agent")
        let second = try folder().markServices(SystemRandom())
        #expect(second.marker(key) != first.marker(key))
        try folder().base.writeDurably(ServiceMark.fileName, Array("../../etc\n".utf8))
        #expect(try folder().serviceMark() == nil)
        #expect(try folder().markServices(SystemRandom()) != second)
        try folder().base.removeFile(ServiceMark.fileName)
        _ = try folder().base.createDirectory(ServiceMark.fileName)
        _ = try folder().markServices(SystemRandom())
        #expect(try folder().serviceMark() != nil)
    }

    private static func onRecord(_ host: RealAgent) throws -> ServiceProcess? {
        try host.dir.directory.status("services/web.web.json") == nil ? nil : host.services.first
    }
}
