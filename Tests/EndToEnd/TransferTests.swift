import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import TestSupport
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Transfers {
        @Test("A download that its controller's death cut off goes on where it stopped, once a controller is back")
        func resumed() async throws {
            let fleet = try await Fleet()
            try await fleet.addAgents(1)
            let agent = fleet.agents[0]
            // More than sockets hold, and what was sent comes although the sender is gone.
            let noise = Data(SystemRandom().bytes(8 << 20)).base64EncodedString()
            let source = ReleaseSource(version: "1.0", files: ["service/noise": noise])
            try await fleet.done("release", "submit", source.write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.0", limits: ", bandwidth: 2M", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            try await eventually("a part of it has come") { partial(agent) >= 600_000 }
            fleet.killController()
            let reached = partial(agent)
            #expect(reached < 7_000_000)
            // A proxy without servers meanwhile, which nobody gets any further than TLS with: the transfer, the reports and the
            // stream come several times.
            let door = try ClosingDoor(port: fleet.controllerPort)
            try await eventually("the agent has come again and again: \(agent.log)") { door.count >= 10 }
            // A try that is under way may have it under another name.
            try await eventually("what had come is there: \(agent.log)") { partial(agent) >= reached }
            door.close()
            try await eventually("nobody listens there") { door.isClosed }
            try await fleet.startController()
            try await eventually("the rollout has ended: \(agent.log)") {
                try await fleet.lastRollout().state.isFinal
            }
            #expect(try await fleet.lastRollout().state == .succeeded, "\(agent.log)")
            try await fleet.everyHostRuns("1.0")
            // No byte of what had come was asked for twice.
            let fetched = try #require(agent.log.split(separator: "\n").last { $0.contains("fetched") })
            let words = fetched.split { !$0.isNumber && !$0.isLetter }.map(String.init)
            func figure(after word: String) -> Int? {
                words.firstIndex(of: word).flatMap { words.indices.contains($0 + 1) ? Int(words[$0 + 1]) : nil }
            }
            let (bytes, payload) = (try #require(figure(after: "bytes")), try #require(figure(after: "payload")))
            #expect(payload > 7_000_000 && bytes < payload + 500_000, "\(fetched)")
        }

        /// What came so far of the largest file that is not whole.
        private func partial(_ agent: FleetAgent) -> Int {
            let folder = agent.folder + "/downloads"
            return Files.walk(folder).filter { $0.contains(".partial") }.map { Files.size("\(folder)/\($0)") }.max()
                ?? 0
        }
    }
}
