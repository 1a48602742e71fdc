import AgentProtocol
import ControllerAPI
import Effects
import Logging
import ReleaseDefinition
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

@Suite("Witnesses of the log")
struct LogWitnessTests {
    private func checkpoint(_ sequence: Int64, _ word: String = "a") -> LogCheckpoint {
        LogCheckpoint(sequence: sequence, digest: SHA256Digest(of: Array(word.utf8)))
    }

    @Test("A host keeps the furthest end it was shown, says what contradicts it, and is held up by nothing")
    func host() throws {
        let folder = try TemporaryFolder()
        let directory = try Directory.open(folder.path)
        let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        func see(_ checkpoint: LogCheckpoint?) -> LogWitness {
            LogWitness.see(checkpoint, in: directory, log: log)
            return LogWitness(in: directory)
        }
        #expect(see(nil) == LogWitness())
        #expect(see(checkpoint(5)).log == checkpoint(5))
        #expect(see(checkpoint(9)).log == checkpoint(9))
        // Its tail was removed, or it was written anew.
        #expect(see(checkpoint(8)).contradiction == checkpoint(8))
        #expect(see(checkpoint(9, "b")).contradiction == checkpoint(9, "b"))
        #expect(see(checkpoint(9, "b")).log == checkpoint(9))
        #expect(see(checkpoint(12)).contradiction == nil)
        try directory.writeDurably(LogWitness.fileName, Array("{".utf8))
        #expect(see(checkpoint(3)).log == checkpoint(3))
    }

    @Test("The timestamp carries the log's end, and a host that has seen more than there is raises an alarm")
    func controller() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let (client, admin) = (
                try host.client(test, running), try TestClient(test, running, token: test.adminToken)
            )
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let timestamp = try JSONValue(
                parsing: try await admin.send("GET", "/repository/metadata/timestamp.json").body)
            let signed = try #require(LogCheckpoint(json: timestamp["signed"]?["x-slipway"]?["checkpoint"]))
            let line = try #require(await running.controller.store.lines(after: signed.sequence - 1, limit: 1).first)
            #expect(signed.digest == SHA256Digest(of: line.bytes) && signed.sequence > 2)
            func alarms(_ log: LogCheckpoint) async throws -> Int {
                let facts = HostFacts(sentAt: running.controller.time.now(), log: log)
                let batch = HostReportBatch(reports: [], facts: facts)
                #expect(try await client.post("/v1/agent/reports", batch).status == 200)
                return await running.controller.witnesses.contradictions.count
            }
            #expect(try await alarms(signed) == 0)
            #expect(try await alarms(checkpoint(signed.sequence)) == 1)
            #expect(try await alarms(signed) == 0)
            #expect(try await alarms(checkpoint(signed.sequence + 1000)) == 1)
            let findings = try await admin.send("GET", "/v1/doctor").json(DoctorReport.self).findings
            #expect(
                findings.contains { $0.summary.contains("witnessed another log") && $0.summary.contains(host.id.text) })
            await client.close()
            await admin.close()
        }
    }
}
