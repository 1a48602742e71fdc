import AgentProtocol
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import AgentLibrary

@Suite("What the controller calls a host by")
struct LabelTests {
    /// What the host told of itself last.
    private func told(_ host: TestHost) async -> [String: String]? {
        for report in await host.reports.reversed() {
            if case .inventory(let inventory) = report.body { return inventory.labels }
        }
        return nil
    }

    private func restarted(_ host: TestHost, _ repository: TestRepository) async throws -> TestHost {
        await host.stop()
        await host.agent.close()
        return try await TestHost(repository, dir: host.dir, root: host.root)
    }

    @Test("It goes by them, says so, and has not forgotten them after a restart; agent.json is only where it began")
    func taken() async throws {
        let repository = try TestRepository()
        let host = try await TestHost(repository)
        #expect(await told(host) == ["zone": "a"])
        // What it goes by since it joined is kept as decided, and no news either.
        let before = await host.reports.count
        await host.agent.offer(labels: try repository.labels(["zone": "a"], counter: 6))
        #expect(await host.reports.count == before)
        #expect(DecidedLabels.read(in: host.dir.directory, of: await host.agent.configuration.host)?.counter == 6)
        await host.agent.offer(labels: try repository.labels(["zone": "b", "role": "web"], counter: 7))
        #expect(host.agent.labels.current == ["zone": "b", "role": "web"])
        #expect(await told(host) == ["zone": "b", "role": "web"])
        // The same word again is no news.
        let reports = await host.reports.count
        await host.agent.offer(labels: try repository.labels(["zone": "b", "role": "web"], counter: 8))
        #expect(await host.reports.count == reports)
        let again = try await restarted(host, repository)
        #expect(again.agent.labels.current == ["zone": "b", "role": "web"])
        #expect(await told(again) == ["zone": "b", "role": "web"])
        // A folder that became another host's has that host's.
        let folder = again.dir.directory
        #expect(DecidedLabels.read(in: folder, of: HostID(unchecked: "host-2")) == nil)
        // Damaged is as never said: the controller sees it and says it again.
        try folder.writeDurably(DecidedLabels.fileName, Array("{".utf8))
        let damaged = try await restarted(again, repository)
        #expect(await told(damaged) == ["zone": "a"])
        try await damaged.end()
    }

    @Test("Nobody but its director decides them, for this host alone, and an older word does not come back")
    func refused() async throws {
        let repository = try TestRepository()
        let (stranger, host) = (try TestRepository(), try await TestHost(repository))
        await host.agent.offer(labels: try repository.labels(["zone": "b"], counter: 7))
        let other = HostID(unchecked: "host-2")
        for word in [
            try stranger.labels(["zone": "c"], counter: 9), try repository.labels(["zone": "c"], of: other, counter: 9),
            try repository.labels(["zone": "c"], counter: 6), .object([]),
        ] {
            await host.agent.offer(labels: word)
        }
        #expect(host.agent.labels.current == ["zone": "b"])
        // With keys of which none was known counters begin anew: whoever stole one may have driven it up.
        try repository.rotateDirector()
        await host.agent.offer(labels: try repository.labels(["zone": "d"], counter: 1))
        #expect(host.agent.labels.current == ["zone": "d"])
        try await host.end()
    }

    @Test("One installation has the same labels from its first hook to its last; then it goes by the new ones")
    func afterwards() async throws {
        let repository = try TestRepository()
        let waits = TestRepository.File(
            "hooks/waits",
            "#!/bin/sh\necho \"$SLIPWAY_HOOK $SLIPWAY_LABEL_ZONE\" >> \"$ZONES/zones\"\n"
                + "while [ ! -e \"$ZONES/go\" ]; do sleep 0.05; done\n")
        let asks = TestRepository.File(
            "hooks/asks", "#!/bin/sh\necho \"$SLIPWAY_HOOK $SLIPWAY_LABEL_ZONE\" >> \"$ZONES/zones\"\n")
        let zones = try TemporaryFolder()
        let units = [try TestRepository.unit(hooks: [.preStart: "hooks/waits", .postHealthy: "hooks/asks"])]
        func release(_ version: String) async throws -> HostRelease {
            try await repository.submit(
                version, files: [TestRepository.serve, TestRepository.healthy, waits, asks], units: units)
        }
        let (one, two) = (try await release("1.0"), try await release("2.0"))
        let host = try await TestHost(repository, variables: ["ZONES": zones.path])
        await host.agent.offer(try repository.assignment(1, .install, one))
        func seen() throws -> [String] {
            let bytes = try zones.directory.readIfPresent("zones", sizeMax: ByteCount(1 << 16)) ?? []
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }
        _ = try await poll { try seen().isEmpty ? nil : true }
        await host.agent.offer(labels: try repository.labels(["zone": "b"], counter: 7))
        #expect(host.agent.labels.current == ["zone": "a"])
        try zones.directory.writeDurably("go", [])
        #expect(try await host.finished(order(1)).outcome == .succeeded)
        #expect(try seen() == ["preStart a", "postHealthy a"])
        _ = try await poll { host.agent.labels.current == ["zone": "b"] ? true : nil }
        #expect(try await host.carryOut(repository.assignment(2, .install, two), order(2)).outcome == .succeeded)
        #expect(try seen().suffix(2) == ["preStart b", "postHealthy b"])
        try await host.end()
    }
}
