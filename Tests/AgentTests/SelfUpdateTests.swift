import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Releases of the agent itself, by the real agent", .serialized)
struct SelfUpdateTests {
    typealias Fixture = SelfUpdateFixture

    private struct World {
        let repository: TestRepository
        let server: WebServer
        let host: SupervisedAgent
        let notes: TemporaryFolder

        var starts: Int { (try? UnitTypeTests.lines(notes).count) ?? 0 }

        func end() async throws {
            try await host.end()
            try await server.end()
        }
    }

    private func world(within: TimeSpan = .minutes(2)) async throws -> World {
        let repository = try TestRepository(others: [Fixture.product])
        let baseline = try await Fixture.baseline(repository)
        let server = try await WebServer(repository)
        let agent = try await Fixture.host(baseline, server.url, within: within)
        return World(
            repository: repository, server: server, host: SupervisedAgent(agent), notes: try TemporaryFolder())
    }

    @Test(
        "R19, R21: a new agent takes the same process over, proves itself, and stays whatever comes; a back-out brings the old one"
    )
    func goodAndBack() async throws {
        let world = try await world()
        let host = world.host
        let one = try await Fixture.submit(world.repository, "90.0")
        let process = try await poll { host.process }
        _ = try await poll { host.agent.services.count == 1 ? true : nil }
        let services = host.agent.services
        try world.repository.publish(world.repository.assignment(2, .install, one), of: Fixture.product)
        let ended = try await host.finished(order(2))
        #expect(ended.outcome == .succeeded, "\(ended)")
        try await host.settled(on: one)
        #expect(host.process == process, "the same process goes on")
        #expect(host.agent.services == services, "what is installed is not touched")

        // Nobody answers any more, and the agent is started anew: it was proved once and for all.
        try await world.server.end()
        try await host.agent.kill(process)
        _ = try await poll { host.starts == 2 ? true : nil }
        try await host.settled(on: one)

        // What was done is remembered by every agent of this host: an order that comes again is not carried out again.
        let server = try await WebServer(world.repository, port: world.server.port)
        try world.repository.publish(
            world.repository.assignment(3, .backOut, one), of: Fixture.product)
        let back = try await host.finished(order(3, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        try await host.settled(on: nil)
        try world.repository.publish(world.repository.assignment(2, .install, one), of: Fixture.product)
        let two = try await Fixture.submit(world.repository, "91.0")
        try world.repository.publish(world.repository.assignment(4, .install, two), of: Fixture.product)
        #expect(try await host.finished(order(4)).outcome == .succeeded)
        try await host.settled(on: two)
        let orders = try host.agent.state.finished.map(\.order)
        #expect(orders.count(where: { $0.rollout.text == "rollout-2" }) == 1, "R21: \(orders)")
        try await host.end()
        try await server.end()
    }

    @Test("R18: a broken agent is started three times at most, the old one comes back, the disk grows by one release")
    func broken() async throws {
        let world = try await world()
        let bad = try await Fixture.submit(world.repository, "90.0", .broken, notes: world.notes.path + "/notes")
        var sizes: [Int] = []
        for number in 2...5 {
            try world.repository.publish(world.repository.assignment(number, .install, bad), of: Fixture.product)
            let ended = try await world.host.finished(order(number))
            if number == 5 {
                #expect(ended.outcome.words.contains("failed here 3 times"), "\(ended)")
                break
            }
            #expect(ended.outcome == .backedOut(.health), "\(ended)")
            #expect(ended.failure?.evidence.error.code == "agent.selfUpdate.reverted")
            #expect(world.starts == 3 * (number - 1))
            try await world.host.settled(on: nil)
            sizes.append(try world.host.agent.root.directory.list("opt/slipway-agent.releases").count)
        }
        #expect(sizes == [1, 1, 1], "one release lies there, however often it was tried: \(sizes)")
        #expect(world.starts == 9)
        #expect(try world.host.agent.root.directory.status("opt/slipway-agent") == nil)
        #expect(world.host.agent.services.count == 1)
        try await world.end()
    }

    @Test("R19: an agent that hangs is ended by its watcher when its time is over, and the old one comes back")
    func hanging() async throws {
        // Long enough for a busy machine to start it: else it is given up before it hangs.
        let world = try await world(within: .seconds(20))
        let bad = try await Fixture.submit(world.repository, "90.0", .hanging, notes: world.notes.path + "/notes")
        try world.repository.publish(world.repository.assignment(2, .install, bad), of: Fixture.product)
        let ended = try await world.host.finished(order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(ended.failure?.evidence.error.summary.contains("It ran, but did not check in within 20s") == true)
        #expect(world.starts == 1)
        try await world.host.settled(on: nil)
        try await world.end()
    }

    @Test("R19: an agent that reaches nobody gives up by itself, and the old one comes back")
    func cutOff() async throws {
        let world = try await world(within: .seconds(15))
        let file = world.notes.path + "/server"
        try world.notes.directory.writeDurably("server", Array("\(world.server.processID)\n".utf8))
        let bad = try await Fixture.submit(world.repository, "90.0", .cutOff(file))
        try world.repository.publish(world.repository.assignment(2, .install, bad), of: Fixture.product)
        let ended = try await world.host.finished(order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(ended.failure?.evidence.error.code == "agent.selfUpdate.late")
        try await world.host.settled(on: nil)
        try await world.end()
    }
}
