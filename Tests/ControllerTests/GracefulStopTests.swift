import AgentProtocol
import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition
import Synchronization
import Testing

@testable import ControllerLibrary

@Suite("A controller that is asked to end")
struct GracefulStopTests {
    /// A host that sends one report after the other, each until it is confirmed, to whichever controller there is.
    private final class Sender: Sendable {
        let host: TestHost
        private let confirmed = Mutex<Int64>(0)
        private let streams = Mutex(0)

        init(_ host: TestHost) { self.host = host }

        var last: Int64 { confirmed.withLock { $0 } }
        /// How many of its streams came to an end.
        var streamsEnded: Int { streams.withLock { $0 } }

        func run(_ test: TestController, port: Int) async {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.send(test, port) }
                group.addTask { await self.listen(test, port) }
            }
        }

        private func send(_ test: TestController, _ port: Int) async {
            guard let client = try? client(test, port) else { return }
            do {
                while !Task.isCancelled {
                    let next = last + 1
                    let batch = HostReportBatch(reports: [try StoreSamples.report(next).report])
                    let response = try await client.post("/v1/agent/reports", batch)
                    guard response.status == 200 else { continue }
                    let receipt = try response.json(HostReportReceipt.self)
                    #expect(receipt.acknowledged >= next)
                    confirmed.withLock { $0 = next }
                }
            } catch {}
            await client.close()
        }

        private func listen(_ test: TestController, _ port: Int) async {
            guard let client = try? client(test, port) else { return }
            let request = HTTPRequest("GET", client.baseURL + "/v1/agent/stream")
            do { for try await _ in client.http.events(request, silenceMax: .seconds(60)) {} } catch {}
            streams.withLock { $0 += 1 }
            await client.close()
        }

        private func client(_ test: TestController, _ port: Int) throws -> TestClient {
            try TestClient(test, port: port, certificate: host.response.certificate, key: host.keyPEM)
        }
    }

    @Test("SIGTERM amid reports: streams end, it ends with 0, and each report is in the record once, confirmed or not")
    func amid() async throws {
        let test = try TestController()
        let senders = try await test.run { running in
            var senders: [Sender] = []
            for _ in 0..<6 { senders.append(Sender(try await TestHost.join(test, running))) }
            return senders
        }
        for round in 1...3 {
            let controller = try RealController(folder: test.folder.path)
            try await eventually { controller.port != nil || controller.isOver }
            let port = try #require(controller.port, "\(controller.log)")
            let before = senders.map(\.last)
            let flow = Task {
                await withTaskGroup(of: Void.self) { group in
                    for sender in senders { group.addTask { await sender.run(test, port: port) } }
                }
            }
            try await eventually { zip(senders, before).allSatisfy { $0.last >= $1 + 5 } }
            controller.send(SIGTERM)
            try await eventually { controller.isOver }
            #expect(try await controller.end() == 0, "\(controller.log)")
            flow.cancel()
            await flow.value
            #expect(senders.allSatisfy { $0.streamsEnded == round })
        }
        let store = try SQLiteStore(path: test.folder.path + "/" + ControllerDirectory.databaseName)
        var stored: [HostID: [Int64]] = [:]
        try store.replay(event: { _ in }, report: { stored[$0.host, default: []].append($0.report.sequence) })
        store.close()
        for sender in senders {
            let found = stored[sender.host.id] ?? []
            // What was not confirmed was sent again, or is the last one.
            #expect(found == Array(1...Int64(found.count)), "\(found)")
            #expect([sender.last, sender.last + 1].contains(Int64(found.count)))
        }
    }

    /// The first word on a stream after those that it begins with, and that it ended.
    private final class Listener: Sendable {
        private let words = Mutex<[AgentOrder]>([])
        private let ended = Mutex(false)
        var isOver: Bool { ended.withLock { $0 } }
        var last: AgentOrder? { words.withLock { $0.last } }

        func listen(_ client: TestClient) -> Task<Void, Never> {
            Task {
                let request = HTTPRequest("GET", client.baseURL + "/v1/agent/stream")
                do {
                    for try await event in client.http.events(request, silenceMax: .seconds(60)) {
                        let data = try JSONValue(parsing: Array(event.data.utf8))
                        if let order = AgentOrder(eventName: event.name, data: data) {
                            words.withLock { $0.append(order) }
                        }
                    }
                } catch {}
                ended.withLock { $0 = true }
            }
        }
    }

    @Test("Asked to end, it says so to balancers first and serves on; then hosts are told to come back, and it is gone")
    func drains() async throws {
        let test = try TestController()
        try test.configure { configuration in
            #expect(configuration.drainTime == .zero)
            configuration.drain = .seconds(8)
        }
        let host = try await test.run { try await TestHost.join(test, $0) }
        let controller = try RealController(folder: test.folder.path)
        try await eventually { controller.port != nil || controller.isOver }
        let port = try #require(controller.port, "\(controller.log)")
        let client = try TestClient(test, port: port, certificate: host.response.certificate, key: host.keyPEM)
        let stranger = try TestClient(test, port: port)
        let listener = Listener()
        let stream = listener.listen(client)
        try await eventually { listener.last != nil }
        #expect(try await stranger.send("GET", "/readyz").status == 200)

        controller.send(SIGTERM)
        try await eventually { try await stranger.send("GET", "/readyz").status == 503 }
        // New connections are taken, and everybody is served.
        let fresh = try TestClient(test, port: port)
        #expect(try await fresh.send("GET", "/livez").status == 200)
        let batch = HostReportBatch(reports: [try StoreSamples.report(1).report])
        #expect(try await client.post("/v1/agent/reports", batch).status == 200)
        #expect(!listener.isOver)

        try await eventually { listener.isOver }
        #expect(listener.last == .leaving(Leaving(within: .milliseconds(502))))
        await stream.value
        try await eventually { controller.isOver }
        #expect(try await controller.end() == 0, "\(controller.log)")
        for one in [client, stranger, fresh] { await one.close() }
    }

    @Test("One that has ended is gone, with all its files, as soon as nobody holds it")
    func gone() async throws {
        weak var ended: Controller?
        let test = try TestController()
        try await test.run { ended = $0.controller }
        try await eventually { ended == nil }
    }
}
