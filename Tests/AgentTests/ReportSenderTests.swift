import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("Sending reports")
struct ReportSenderTests {
    /// A controller that cannot write its record, until it can.
    private final class Desk: HTTPDoor {
        private let state = Mutex((isOpen: false, asked: 0))
        var asked: Int { state.withLock { $0.asked } }
        func open() { state.withLock { $0.isOpen = true } }

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            let isOpen = state.withLock { state in
                state.asked += 1
                return state.isOpen
            }
            guard isOpen, let body = request.body else {
                return HTTPResponse(head: HTTPHead(status: 503, headers: []), body: [])
            }
            let batch = try JSONCoding.decode(HostReportBatch.self, from: body)
            let receipt = HostReportReceipt(acknowledged: batch.reports.last?.sequence ?? 0)
            return HTTPResponse(
                head: HTTPHead(status: 200, headers: []), body: try JSONCoding.value(of: receipt).wireBytes)
        }

        func download(
            _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
            receive: @escaping @Sendable ([UInt8]) async throws -> Void
        ) async throws {}

        func events(
            _ request: HTTPRequest, silenceMax: TimeSpan
        ) -> AsyncThrowingStream<ServerSentEvent, any Error> { AsyncThrowingStream { $0.finish() } }
    }

    private struct Nobody: StandingKeeper { func heard(_ standing: HalfNews) {} }

    @Test("What waited for the controller is confirmed within seconds of its word that it takes reports again")
    func returns() async throws {
        let host = try await TestHost(TestRepository())
        let (desk, time) = (Desk(), ManualTime(now: start))
        let doors = AgentDoors(http: desk, local: desk, processes: LiveProcesses(), time: time, random: SystemRandom())
        let sender = ReportSender(
            agent: host.agent, doors: doors, controller: "https://controller.test",
            log: Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) }), keeper: Nobody())
        let task = Task { await sender.run() }
        #expect(await !host.reports.isEmpty)
        // Many tries in vain, each after a longer time: by now it waits for up to a minute, and for long in fact.
        while true {
            await time.untilSleeping()
            let (asked, wake) = (desk.asked, time.nextWake ?? .zero)
            if asked >= 12, wake >= .seconds(10) { break }
            time.advance(by: wake)
            try await poll { desk.asked > asked ? true : nil }
        }
        let asked = desk.asked
        desk.open()
        await host.agent.contactReturned()
        // At a moment of its own: never later than this.
        try await poll { (time.nextWake ?? .seconds(60)) <= .seconds(2) || desk.asked > asked ? true : nil }
        time.advance(by: .seconds(2))
        try await poll { await host.reports.isEmpty ? true : nil }
        #expect(desk.asked == asked + 1)
        task.cancel()
        await task.value
        try await host.end()
    }
}
