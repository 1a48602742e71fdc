import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("SIGKILL while a hook runs")
struct HookKillTests {
    /// Of the release that goes, and of the one that comes.
    static let going: [HookMoment] = [.drain, .preStop, .stop]
    static let coming: [HookMoment] = [.preStart, .start, .postHealthy, .undrain]

    @Test(
        "R4: killed inside a hook and started again, the agent says within 30 s how it ended, and the hook runs once at a time",
        arguments: going + coming)
    func killed(_ moment: HookMoment) async throws {
        let repository = try TestRepository()
        let old = try await repository.submit(
            "1.0", files: Self.files(Self.going, held: moment), units: Self.units(Self.going))
        let baseline = try await TestHost(repository)
        try await baseline.carryOut(repository.assignment(1, .install, old), order(1))
        try await baseline.end()
        let new = try await repository.submit(
            "2.0", files: Self.files(Self.coming, held: moment), units: Self.units(Self.coming))
        try repository.publish(repository.assignment(2, .install, new))
        let server = try await WebServer(repository)
        let agent = try await RealAgent(copying: baseline, repository: server.url)

        let killed = try agent.start()
        let first = try await poll { try Self.calls(agent).first }
        try await agent.kill(killed)
        let again = try agent.start()
        let finished = try await poll(within: .seconds(30)) {
            try agent.state.finished.first { $0.order == (try order(2)) }
        }
        #expect(finished.outcome == .succeeded, "\(finished.outcome) \(finished.failure.map { "\($0)" } ?? "")")
        #expect(try agent.version() == "2.0")
        // The hook that outlived its agent was ended before it was called again.
        let calls = try Self.calls(agent)
        #expect(calls.count == 2 && calls[0] == first && calls[1].hasSuffix(" alone"), "\(calls)")
        try await agent.kill(again)
        try await agent.end()
        try await server.end()
    }

    /// One line a call of the hook that is held. The first: its process, and one that it started and that left its session
    /// and environment; the second: whether both were gone.
    private static func calls(_ agent: RealAgent) throws -> [String] {
        guard try agent.root.directory.status("opt/web.calls") != nil else { return [] }
        let text = String(
            decoding: try agent.root.directory.read("opt/web.calls", sizeMax: ByteCount(1 << 16)), as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    /// - Parameter held: does not end when it is called for the first time.
    private static func files(_ moments: [HookMoment], held: HookMoment) -> [TestRepository.File] {
        let hooks = moments.map { moment in
            TestRepository.File(
                "hooks/\(moment.rawValue)",
                moment != held
                    ? "#!/bin/sh\n"
                    : """
                    #!/bin/sh
                    calls="$SLIPWAY_FOLDER.calls"
                    if [ -e "$calls" ]; then
                        read -r before its <"$calls"
                        kill -0 "$before" 2>/dev/null || kill -0 "$its" 2>/dev/null || { echo "$$ alone" >>"$calls"; exit 0; }
                        echo "$$ beside $before or $its" >>"$calls"
                        exit 0
                    fi
                    env -i setsid sleep 3600 &
                    echo "$$ $!" >"$calls.new"; mv "$calls.new" "$calls"
                    exec sleep 3600

                    """)
        }
        return [TestRepository.serve, TestRepository.healthy] + hooks
    }

    private static func units(_ moments: [HookMoment]) throws -> [UnitDefinition] {
        [try TestRepository.unit(hooks: Dictionary(uniqueKeysWithValues: moments.map { ($0, "hooks/\($0.rawValue)") }))]
    }
}
