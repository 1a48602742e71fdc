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
        private let takesAny: Bool
        /// - Parameter takesAny: false: it answers, and acknowledges nothing.
        init(takesAny: Bool = true) { self.takesAny = takesAny }
        private let batches = Mutex<[[HostReport]]>([])
        var asked: Int { state.withLock { $0.asked } }
        /// What was taken, request by request.
        var taken: [[HostReport]] { batches.withLock { $0 } }
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
            batches.withLock { $0.append(batch.reports) }
            let receipt = HostReportReceipt(acknowledged: takesAny ? batch.reports.last?.sequence ?? 0 : 0)
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

    private func sending(of host: TestHost, to desk: Desk, _ time: ManualTime) -> Task<Void, Never> {
        let doors = AgentDoors(http: desk, local: desk, processes: LiveProcesses(), time: time, random: SystemRandom())
        let sender = ReportSender(
            agent: host.agent, doors: doors, controller: "https://controller.test",
            log: Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) }), keeper: Nobody())
        return Task { await sender.run() }
    }

    @Test("Steps that follow each other go together, after a moment; an outcome goes at once and takes them along")
    func gathers() async throws {
        let repository = try TestRepository()
        let host = try await TestHost(repository)
        let (desk, time) = (Desk(), ManualTime(now: start))
        desk.open()
        let task = sending(of: host, to: desk, time)
        try await poll { await host.reports.isEmpty ? true : nil }
        let before = desk.asked

        // The moment is never over: time stands still.
        let one = try await repository.submit("1.0")
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await poll { await host.reports.isEmpty ? true : nil }
        #expect(desk.asked == before + 1)
        let steps = desk.taken[before].compactMap { report in
            if case .progress(let progress) = report.body { progress.step } else { nil }
        }
        #expect(steps.first == .received)
        #expect(steps.contains(.checking))
        guard case .outcome = desk.taken[before].last?.body else {
            Issue.record("the last of them is \(String(describing: desk.taken[before].last))")
            return
        }

        // The moment is over while the release is being checked.
        let two = try await repository.submit("2.0")
        await host.agent.offer(try repository.assignment(2, .install, two))
        try await poll {
            await host.reports.contains { report in
                if case .progress(let progress) = report.body { progress.step == .checking } else { false }
            } ? true : nil
        }
        try await poll {
            time.advance(by: .milliseconds(200))
            return desk.taken.count > before + 1 ? true : nil
        }
        #expect(desk.taken[before + 1].count > 1)
        _ = try await host.finished(order(2))
        try await poll { await host.reports.isEmpty ? true : nil }
        task.cancel()
        await task.value
        try await host.end()
    }

    @Test("What waited for the controller is confirmed within seconds of its word that it takes reports again")
    func returns() async throws {
        let host = try await TestHost(TestRepository())
        let (desk, time) = (Desk(), ManualTime(now: start))
        let task = sending(of: host, to: desk, time)
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

    @Test("A controller that answers and takes nothing is asked again at growing distances, not at once")
    func takesNothing() async throws {
        let host = try await TestHost(TestRepository())
        let (desk, time) = (Desk(takesAny: false), ManualTime(now: start))
        desk.open()
        let task = sending(of: host, to: desk, time)
        for tries in 1...6 {
            try await poll { time.nextWake != nil ? true : nil }
            // Time stands still: it was asked once since the last wait.
            #expect(desk.asked == tries)
            time.advance(by: time.nextWake ?? .zero)
            try await poll { desk.asked > tries ? true : nil }
        }
        #expect(await !host.reports.isEmpty)
        task.cancel()
        await task.value
        try await host.end()
    }
}
