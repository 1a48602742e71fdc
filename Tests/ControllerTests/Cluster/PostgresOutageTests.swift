import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing

import enum TestSupport.SmallDisk

@testable import ControllerLibrary

@Suite("PostgreSQL goes away under a rollout, and comes back", .enabled(if: TestPostgres.isInstalled))
struct PostgresOutageTests {
    /// All of it: five minutes without the database.
    private static let isWhole = ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"] != nil

    enum Outage: String, Sendable, CustomTestStringConvertible {
        case killed, paused, full, readOnly
        /// Its standby takes its place.
        case failedOver
        var testDescription: String { rawValue }
    }

    /// What is wrong with the database, until it is put right.
    private struct Trouble {
        let server: TestPostgres
        let standby: TestPostgres?
        let outage: Outage
        /// Mounted for `full`.
        let disk: String?

        func begin() throws {
            switch outage {
            case .killed, .failedOver: server.kill()
            case .paused: server.pause()
            case .full: try fill()
            case .readOnly: try server.set("default_transaction_read_only", "on")
            }
        }

        func end() throws {
            switch outage {
            case .killed: server.start()
            case .failedOver: try standby?.promote()
            case .paused: server.resume()
            case .full: try FileManager.default.removeItem(atPath: (disk ?? "") + "/filler")
            case .readOnly: try server.set("default_transaction_read_only", "off")
            }
        }

        private func fill() throws {
            let file = try Directory.open(disk ?? "").createFile("filler")
            for size in [1 << 16, 1 << 12, 1] {
                while (try? file.write([UInt8](repeating: 1, count: size))) != nil {}
            }
        }
    }

    @Test(
        "R39: killed, stopped, read-only, failed over under a rollout: it waits, goes on by itself, nothing lost or doubled",
        arguments: [Outage.killed, .paused, .readOnly, .failedOver])
    func outage(_ outage: Outage) async throws { try await rollOut(outage, nil) }

    @Test(
        "R39: its disk is full under a rollout: it waits, goes on by itself, nothing lost or doubled",
        .enabled(if: SmallDisk.isPossible, "mounts a file system"))
    func fullDisk() async throws {
        try await SmallDisk.with(size: "24m") { disk in
            // Of the server's user, to whom the way there is closed.
            let above = Directory.split(disk.path).folder
            chmod(above, 0o755)
            try disk.createDirectory("space")
            if let user = getpwnam("postgres") {
                chown(disk.path + "/space", user.pointee.pw_uid, user.pointee.pw_gid)
            }
            try await rollOut(.full, disk.path)
        }
    }

    @Test("R39: hosts hear from each of the controllers that the record is back, though none of them asks")
    func back() async throws {
        let server = try TestPostgres()
        let first = try TestController(database: server.newDatabase())
        let second = try TestController(beside: first)
        try await first.run { one in
            try await second.run { other in
                var fleets = [TestFleet(first), TestFleet(second)]
                try await fleets[0].join(2, one)
                try await fleets[1].join(2, other, from: 3)
                let (here, there) = (fleets[0], fleets[1])
                try await here.serving(one) { _ in
                    try await there.serving(other) { _ in
                        server.kill()
                        try await eventually {
                            let (left, right) = (await one.controller.failedUses, await other.controller.failedUses)
                            return left.contains(.place) && right.contains(.place)
                        }
                        server.start()
                        try await eventually { (here.agents + there.agents).allSatisfy { $0.readyWords == 1 } }
                    }
                }
            }
        }
    }

    private func rollOut(_ outage: Outage, _ disk: String?) async throws {
        let server = try TestPostgres()
        let standby = outage == .failedOver ? try TestPostgres(standbyOf: server) : nil
        let trouble = Trouble(server: server, standby: standby, outage: outage, disk: disk)
        let database = try server.newDatabase(tablespace: disk.map { $0 + "/space" })
        let test = try TestController(database: standby.map { server.address(database, or: $0) } ?? database)
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            // Of no rollout here.
            let writer = try await TestHost.join(test, running, environment: "production")
            let reporter = try writer.client(test, running)
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                // The next phase is due while nothing can be written.
                let definition = try TestFleet.definition(
                    "1.0", .phased([.init(size: .count(1), bake: .seconds(2)), .init(size: .percent(100))]),
                    grace: .minutes(10))
                let started = try await client.startRollout(definition).json(RolloutView.self)
                try await eventually {
                    let seen = try await client.send("GET", "/v1/rollouts/\(started.id)").json(RolloutView.self)
                    return seen.phases.first?.state == .baking
                }
                try trouble.begin()
                // A host reports until it is not confirmed any more.
                var (next, refused) = (Int64(1), HTTPResponse?.none)
                func send() async throws -> HTTPResponse {
                    let reports = try (next..<next + 100).map { try StoreSamples.report($0).report }
                    return try await reporter.post("/v1/agent/reports", HostReportBatch(reports: reports))
                }
                while refused == nil {
                    let response = try await send()
                    if response.status == 200 { next += 100 } else { refused = response }
                }
                #expect(refused?.status == 503, "\(refused.map { String(decoding: $0.body, as: UTF8.self) } ?? "")")
                #expect(refused?.problemCode == (outage == .full ? "controller.store.disk" : "controller.store.away"))
                #expect(try await client.send("GET", "/livez").status == 200)
                try await expect("[~] record", "slipway_store_up 0", client)
                #expect(await !running.controller.heard(writer.id).takesReports)
                if outage == .killed {
                    let findings = try await client.send("GET", "/v1/doctor").json(DoctorReport.self).findings
                    #expect(findings.contains { $0.check == .controller && $0.level == .problem }, "\(findings)")
                }
                // All that waits for it has waited its longest by then.
                if outage == .killed, Self.isWhole { try await Task.sleep(for: .seconds(300)) }
                // Longer than the lease.
                if outage == .paused { try await eventually { await !running.controller.leads } }
                try trouble.end()
                // Whether or not anybody brings something to be written.
                try await eventually { await running.controller.readiness().allSatisfy { $0.standing == .good } }
                try await expect("[+] record", "slipway_store_up 1", client)
                try await eventually { await running.controller.heard(writer.id).takesReports }
                try await eventually { try await send().status == 200 }
                // Who was turned away waits no longer than it must.
                try await eventually { fleet.agents.allSatisfy { $0.readyWords > 0 } }
                let view = try await TestFleet.end(of: started.id, client)
                #expect(view.state == .succeeded, "\(view)")
                try await expectOnce(running, fleet, writer.id, through: next + 99)
            }
            await reporter.close()
        }
    }

    /// What a balancer and Prometheus are told; within its patience a controller serves.
    private func expect(_ check: String, _ sample: String, _ client: TestClient) async throws {
        let ready = try await client.send("GET", "/readyz?verbose")
        #expect(ready.status == 200)
        let (checks, metrics) = (
            String(decoding: ready.body, as: UTF8.self),
            String(decoding: try await client.send("GET", "/metrics").body, as: UTF8.self)
        )
        #expect(checks.hasPrefix(check + "\n"), "\(checks)")
        #expect(metrics.contains("\n\(sample)\n"))
    }

    /// Read from the beginning, by another connection.
    private func expectOnce(
        _ running: TestController.Running, _ fleet: TestFleet, _ writer: HostID, through last: Int64
    ) async throws {
        let entries = try await running.controller.store.entries(after: 0, limit: 10_000)
        #expect(entries.count { $0.action == "rollout.orderSent" } == 3)
        _ = try await running.controller.store.verifiedHead()
        let address = try #require(running.controller.configuration.database)
        var stored: [HostID: [Int64]] = [:]
        try PostgresStore(address: address).replay(
            event: { _ in }, report: { stored[$0.host, default: []].append($0.report.sequence) })
        #expect(stored[writer] == Array(1...last))
        for agent in fleet.agents {
            let found = stored[agent.host.id] ?? []
            #expect(found == Array(1...Int64(found.count)) && found.count >= 2, "\(found)")
        }
    }
}
