import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct FullDisk {
        @Test(
            "A release that does not fit on the host's disk is refused there, and the host keeps what it runs",
            .enabled(if: SmallDisk.isPossible, "needs root or user namespaces"))
        func doesNotFit() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent(disk: "12m")
            try await fleet.install("1.0")
            let folder = try ReleaseSource(version: "1.1").write(below: fleet.folder)
            // More than the disk has.
            try Files.write(folder + "/service/large.bin", Files.noise(16 << 20))
            try await fleet.done("release", "submit", folder)
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 100%]", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            // A full disk is not the release's fault: the rollout waits for a person and is not backed out.
            try await eventually("the rollout halts") { try await fleet.lastRollout().state == .halted }
            #expect(await fleet.answer(of: agent) == "1.0")
            let rollout = try await fleet.lastRollout()
            let host = try #require(rollout.hosts.first)
            #expect(host.outcome == .failed(.preflight), "\(host)")
            let words = host.evidence?.error.description ?? ""
            #expect(words.contains("space") || words.contains("MiB"), "\(words)")
            try await fleet.done("rollout", "abort", rollout.id.text, "--reason", "no room", "--yes")
            // Room or not, the host still takes what fits.
            try await fleet.install("1.2")
        }
    }
}
