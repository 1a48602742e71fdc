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
            // Bytes that do not compress: more than the disk has.
            var state: UInt64 = 1
            let noise = (0..<(16 << 20)).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
            let folder = try ReleaseSource(version: "1.1").write(below: fleet.folder)
            try Files.write(folder + "/service/large.bin", noise)
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
