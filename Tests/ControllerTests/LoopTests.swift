import AgentProtocol
import ControllerAPI
import Effects
import NIOCore
import NIOPosix
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// What hosts ask all day: answered on their connections' event loops, and kept from the state's one writer where it can be.
@Suite("Requests on event loops")
struct LoopTests {
    private func inventory(_ sequence: Int64) -> HostReport {
        HostReport(
            sequence: sequence, at: UTCInstant(secondsSince1970: 1_800_000_000),
            body: .inventory(HostInventory(agentVersion: "a", machineID: "m", delivery: .push, installed: [])))
    }

    private func stored(_ test: TestController) throws -> [HostID: [Int64]] {
        let store = try SQLiteStore(path: test.folder.path + "/events.sqlite")
        var sequences: [HostID: [Int64]] = [:]
        try store.replay(event: { _ in }, report: { sequences[$0.host, default: []].append($0.report.sequence) })
        return sequences
    }

    @Test("Who is let in and what hosts report is looked at and written elsewhere than on an event loop")
    func elsewhere() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let controller = running.controller
            let order = OrderID(rollout: try RolloutID("r-2026-01-01-1"), action: .install)
            let outcome = OrderOutcome(
                order: order, release: try ReleaseName("web@1.0"), outcome: .succeeded, running: nil)
            let reports = [inventory(1), HostReport(sequence: 2, at: SystemTime().now(), body: .outcome(outcome))]
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            // Where one of them touched the record on the loop, a debug build would stop (`LoopExecutor.expectElsewhere`).
            try await withTaskExecutorPreference(LoopExecutor.of(loop)) {
                #expect(LoopExecutor.isHere)
                let receipt = try await controller.receive(HostReportBatch(reports: reports), from: host.id)
                #expect(receipt.acknowledged == 2)
                #expect(LoopExecutor.isHere)
                await offLoop { #expect(!LoopExecutor.isHere) }
                #expect(LoopExecutor.isHere)
            }
        }
    }

    @Test("More batches at once than one transaction takes: each host's reports are stored in their order, once")
    func crowd() async throws {
        let test = try TestController()
        var ids: [HostID] = []
        try await test.run { running in
            for _ in 0..<3 { ids.append(try await TestHost.join(test, running).id) }
            let controller = running.controller
            let hosts = ids
            // As agents send them: from the first that was not acknowledged, and again where no answer came.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<720 {
                    let (host, last) = (hosts[number % 3], Int64(1 + number / 3 % 20))
                    let batch = HostReportBatch(reports: (1...last).map(inventory))
                    group.addTask {
                        let receipt = try await controller.receive(batch, from: host)
                        #expect(receipt.acknowledged >= last)
                    }
                }
                try await group.waitForAll()
            }
        }
        let stored = try stored(test)
        for host in ids { #expect(stored[host] == Array(1...20)) }
    }

    @Test("What a host began to send or to open before it was revoked is refused as well, and its certificate at once")
    func revokedMeanwhile() async throws {
        let test = try TestController()
        let host = try await test.run { running in
            let host = try await TestHost.join(test, running)
            let (client, controller) = (try host.client(test, running), running.controller)
            for sequence in 1...3 as ClosedRange<Int64> {
                let batch = HostReportBatch(reports: [inventory(sequence)])
                #expect(try await client.post("/v1/agent/reports", batch).status == 200)
            }
            let session = try #require(controller.hub.open(host.id))
            await controller.contactBegan(host.id)
            #expect(controller.hub.isOnline(host.id))
            _ = try await controller.revokeHost(host.id, HostReasonRequest(reason: "stolen"), by: "person:admin")
            #expect(!controller.hub.isOnline(host.id))
            for await _ in session.items {}
            // These two were let in before.
            let error = await #expect(throws: ControllerError.self) {
                try await controller.receive(HostReportBatch(reports: [inventory(4)]), from: host.id)
            }
            #expect(error?.code == "controller.access.hostRevoked")
            let late = try #require(controller.hub.open(host.id))
            await controller.contactBegan(host.id)
            #expect(!controller.hub.isOnline(host.id))
            var words = 0
            for await item in late.items { if case .order(.identity, _) = item { words += 1 } }
            #expect(words == 1)
            // The connection that was let in three times.
            let refused = try await client.post("/v1/agent/reports", HostReportBatch(reports: [inventory(4)]))
            #expect(refused.problemCode == "controller.access.hostRevoked")
            await client.close()
            return host.id
        }
        #expect(try stored(test)[host] == [1, 2, 3])
    }

    @Test("A certificate that was let in is refused from its end on, on the connection that it opened")
    func expired() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let client = try host.client(test, running)
            let end = try #require(await running.controller.state.hosts[host.id]?.identity.current.notAfter)
            let batch = HostReportBatch(reports: [])
            for _ in 0..<2 { #expect(try await client.post("/v1/agent/reports", batch).status == 200) }
            time.setNow(end)
            let refused = try await client.post("/v1/agent/reports", batch)
            #expect(refused.status == 401 && refused.problemCode == "controller.access.certificateExpired")
            await client.close()
        }
    }
}
