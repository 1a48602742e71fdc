import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Reports")
struct ReportTests {
    private func inventory(_ sequence: Int64, _ version: String) -> HostReport {
        HostReport(
            sequence: sequence, at: UTCInstant(secondsSince1970: 1_800_000_000),
            body: .inventory(
                HostInventory(agentVersion: version, machineID: "m", delivery: .push, installed: [])))
    }

    private func send(_ reports: [HostReport], _ client: TestClient) async throws -> Int64 {
        let response = try await client.post("/v1/agent/reports", HostReportBatch(reports: reports))
        #expect(response.status == 200)
        return try response.json(HostReportReceipt.self).acknowledged
    }

    private func stored(_ test: TestController) throws -> [Int64] {
        let store = try SQLiteStore(path: test.folder.path + "/events.sqlite")
        var sequences: [Int64] = []
        try store.replay(event: { _ in }, report: { sequences.append($0.report.sequence) })
        return sequences
    }

    @Test("Reports that come twice, overlap or jump are stored exactly once")
    func exactlyOnce() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let client = try host.client(test, running)
            #expect(try await send([inventory(1, "a"), inventory(2, "b")], client) == 2)
            #expect(try await send([inventory(1, "x"), inventory(2, "x")], client) == 2)
            #expect(try await send([inventory(2, "x"), inventory(3, "c")], client) == 3)
            #expect(try await send([inventory(9, "d")], client) == 9)
            #expect(try await send([inventory(4, "x")], client) == 9)
            #expect(try await send([], client) == 9)
            let view = try await running.controller.hostView(host.id)
            #expect(view.agentVersion == "d")
            await client.close()
        }
        #expect(try stored(test) == [1, 2, 3, 9])
    }

    @Test(
        "R22: every batch comes three times, late and among newer ones, over other connections: each report is there once"
    )
    func comesAgain() async throws {
        let test = try TestController()
        var choice = SystemRandomNumberGenerator()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let clients = try (0..<3).map { _ in try host.client(test, running) }
            var late: [[HostReport]] = []
            // As a sender does it: what is not acknowledged goes out again with what has come since.
            for number in stride(from: Int64(1), through: 40, by: 2) {
                let batch = (number...number + 1).map { inventory($0, "v\($0)") }
                #expect(try await send(batch, clients[0]) == number + 1)
                late += [batch, batch]
                for _ in 0..<Int.random(in: 0...3, using: &choice) where !late.isEmpty {
                    let again = late.remove(at: Int.random(in: late.indices, using: &choice))
                    #expect(try await send(again, clients.randomElement(using: &choice) ?? clients[1]) == number + 1)
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (position, again) in late.shuffled(using: &choice).enumerated() {
                    let client = clients[position % 3]
                    group.addTask {
                        let acknowledged = try await send(again, client)
                        #expect(acknowledged == 40)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await running.controller.hostView(host.id).agentVersion == "v40")
            for client in clients { await client.close() }
        }
        #expect(try stored(test) == Array(1...40))
    }

    @Test("The same batch from ten connections at once is stored once")
    func raced() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let batch = (1...20).map { inventory($0, "v") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let client = try host.client(test, running)
                        #expect(try await send(batch, client) == 20)
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(try stored(test) == Array(1...20))
    }

    @Test("What was acknowledged is there after a restart, and still counts as sent")
    func restart() async throws {
        let test = try TestController()
        let host = try await test.run { running in
            let host = try await TestHost.join(test, running)
            let client = try host.client(test, running)
            #expect(try await send([inventory(1, "a")], client) == 1)
            await client.close()
            return host
        }
        try await test.run { running in
            #expect(try await running.controller.hostView(host.id).agentVersion == "a")
            let client = try host.client(test, running)
            #expect(try await send([inventory(1, "x"), inventory(2, "b")], client) == 2)
            await client.close()
        }
        #expect(try stored(test) == [1, 2])
    }

    @Test("A host hears how far its word is known: first of all on its stream, and with every receipt")
    func heard() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try await TestHost.join(test, running).client(test, running)
            func receipt(_ reports: [HostReport]) async throws -> HostReportReceipt {
                try await client.post("/v1/agent/reports", HostReportBatch(reports: reports)).json(
                    HostReportReceipt.self)
            }
            func firstWord() async throws -> AgentOrder? {
                let request = HTTPRequest("GET", client.baseURL + "/v1/agent/stream")
                for try await event in client.http.events(request, silenceMax: .seconds(60)) {
                    return AgentOrder(eventName: event.name, data: try JSONValue(parsing: Array(event.data.utf8)))
                }
                return nil
            }
            #expect(try await firstWord() == .heard(HeardReports(through: 0)))
            #expect(try await receipt([inventory(3, "a"), inventory(5, "a")]).before == 0)
            // Repeated, and empty as of a host that fetches; 4 is missing. The answer that says so may be lost: it is said until the host has told what it runs.
            #expect(try await receipt([inventory(5, "a")]).before == 3)
            #expect(try await receipt([]).before == 3)
            #expect(try await firstWord() == .heard(HeardReports(through: 3)))
            var last = try await receipt([inventory(6, "a")])
            let told = try #require(last.sentAt, "R34: a host that does not know the time hears it with every receipt")
            #expect(abs(told.since(SystemTime().now()).milliseconds) < 60_000)
            last.sentAt = nil
            #expect(last == HostReportReceipt(acknowledged: 6, before: 3))
            #expect(try await firstWord() == .heard(HeardReports(through: 6)))
            await client.close()
        }
    }

    @Test("More reports than a batch may hold are refused")
    func tooMany() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try await TestHost.join(test, running).client(test, running)
            let reports = (1...257).map { inventory($0, "v") }
            let response = try await client.post("/v1/agent/reports", HostReportBatch(reports: reports))
            #expect(response.status == 400)
            await client.close()
        }
    }

    @Test("An open stream means contact, its end means none; a second one takes the place of the first")
    func contact() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let first = try host.client(test, running)
            let second = try host.client(test, running)
            let firstStream = listen(first)
            try await eventually { running.controller.hub.isOnline(host.id) }
            let secondStream = listen(second)
            // The server closes the first when the second opens.
            await firstStream.value
            #expect(running.controller.hub.isOnline(host.id))
            #expect(try await running.controller.hostView(host.id).contact == .online)
            secondStream.cancel()
            await secondStream.value
            try await eventually { !running.controller.hub.isOnline(host.id) }
            await first.close()
            await second.close()
        }
    }

    private func listen(_ client: TestClient) -> Task<Void, Never> {
        Task {
            let request = HTTPRequest("GET", client.baseURL + "/v1/agent/stream")
            do { for try await _ in client.http.events(request, silenceMax: .seconds(60)) {} } catch {}
        }
    }

    @Test("Of what a host says so much is kept and no more, in words and in number, and no report is refused for it")
    func bounded() async throws {
        let test = try TestController()
        func wire(_ value: some Encodable) throws -> String {
            String(decoding: try JSONCoding.value(of: value).wireBytes, as: UTF8.self)
        }
        let name = try ReleaseName("p@1.0.0")
        let release = try wire(name)
        let installed = try wire(
            InstalledRelease(release: name, manifest: SHA256Digest(of: [1]), isHealthy: true))
        let text = String(repeating: "ä\\u0001", count: 1 << 16)
        let at = "2026-11-21T20:00:00.000Z"
        let error = #"{"code":"\#(text)","summary":"\#(text)","remedy":"\#(text)","cause":"\#(text)"}"#
        let order = try wire(OrderID(rollout: RolloutID("r-1"), action: .install))
        let bodies = [
            #"{"inventory":{"_0":{"agentVersion":"\#(text)","machineID":"\#(text)","delivery":"push","#
                + #""installed":[\#(Array(repeating: installed, count: 5000).joined(separator: ","))]}}}"#,
            #"{"inventory":{"_0":{"agentVersion":"1","machineID":"m","delivery":"pull","installed":[],"#
                + #""drift":["\#(text)",\#(Array(repeating: "\"d\"", count: 9000).joined(separator: ","))],"#
                + #""channels":[\#((0..<9000).map { "\"c\($0)\"" }.joined(separator: ","))]}}}"#,
            #"{"inventory":{"_0":{"agentVersion":"1","machineID":"m","delivery":"push","installed":[],"system":"#
                + #"{"operatingSystem":"\#(text)","operatingSystemID":"","operatingSystemVersion":"","kernel":"","#
                + #""architecture":"","memory":1,"facts":{"a":"\#(text)","b":"kept"}}}}}"#,
            #"{"outcome":{"_0":{"order":\#(order),"release":\#(release),"unhealthyBefore":"\#(text)","#
                + #""outcome":{"skipped":{"_0":"\#(text)"}},"evidence":{"step":"preflight","logTail":"\#(text)","#
                + #""error":\#(error),"backOutError":\#(error)}}}}"#,
            #"{"health":{"_0":{"running":\#(installed),"detail":"\#(text)"}}}"#,
        ]
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let client = try host.client(test, running)
            for (number, body) in bodies.enumerated() {
                let report = #"{"sequence":\#(number + 1),"at":"\#(at)","body":\#(body)}"#
                let response = try await client.send(
                    "POST", "/v1/agent/reports", bytes: Array(#"{"reports":[\#(report)]}"#.utf8))
                #expect(
                    response.status == 200, "\(number): \(String(decoding: response.body.prefix(2000), as: UTF8.self))")
            }
            await client.close()
        }
        let store = try SQLiteStore(path: test.folder.path + "/events.sqlite")
        var sizes: [Int] = []
        try store.replay(event: { _ in }, report: { sizes.append(try JSONCoding.value(of: $0.report).wireBytes.count) })
        #expect(sizes.count == bodies.count)
        #expect(sizes.allSatisfy { $0 < 300_000 }, "\(sizes)")
    }
}
