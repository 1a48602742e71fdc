import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse",
        abstract: "Have hosts install a release, back it out, prove that they are as before, and install it again.",
        discussion: """
            Of hosts that are connected now, where the release is approved and does not go into service. Each signs what it saw \
            with its own key; the controller files it as evidence of kind rehearsal (slipway release evidence list). With \
            --plan they do it in the phases of that rollout, as many at once as it says; one that does not prove it ends the \
            rehearsal, and the controller files a statement about the whole. Followed to \
            its end: 0: proved on every host; 7: the release backed out by itself; 1: not proved. Ctrl-C stops following, never \
            the rehearsal.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", transform: { try ReleaseName($0) })
    var release: ReleaseName?

    @Option(help: "Which hosts, as \"role=web and zone in (a,b)\".", transform: { try HostQuery($0) })
    var hosts: HostQuery?

    @Option(help: "The environment; needed where the hosts are of several.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    @Option(
        help:
            "A rollout.yaml: rehearse that rollout's phases and limits on these hosts, whatever release and hosts it names."
    )
    var plan: String?

    @Option(help: "Follow this one, which was ordered already.", transform: { try RolloutID($0) })
    var watch: RolloutID?

    @Flag(help: "Return as soon as it is ordered.")
    var detach = false

    @Option(help: "Stop following after this time, as 10m; the rehearsal goes on.", transform: { try TimeSpan($0) })
    var timeout: TimeSpan?

    func validate() throws {
        guard (release == nil) == (hosts == nil), (release == nil) != (watch == nil), watch == nil || plan == nil else {
            throw ValidationError(
                "Say what to rehearse and where: PRODUCT@VERSION --hosts QUERY [--plan FILE]; or --watch ID.")
        }
    }

    func run() async throws {
        try await connection.withClient { client in
            let ordered = try await order(client)
            if detach { return try output.print(RehearsalRow(rehearsal: ordered)) }
            DetachOnInterrupt.start("rehearsal \(ordered.id)", command: "slipway rehearse --watch \(ordered.id)")
            let end = try await follow(ordered, client)
            try output.print(RehearsalRow(rehearsal: end))
            guard end.isOver else {
                Talk.say("Rehearsal \(end.id) goes on; this watch timed out.")
                throw ProgramExit.timedOut
            }
            let states = end.hosts.map(\.state)
            if states.allSatisfy({ $0 == .proved }) { return }
            throw states.contains(.backedOut) ? ProgramExit.backedOut : .failed
        }
    }

    private func order(_ client: ControllerClient) async throws -> RehearsalView {
        if let watch { return try await client.rehearsal(watch) }
        guard let release, let hosts else { throw ProgramExit.usage }
        let view = try await client.rehearse(
            RehearsalRequest(
                release: release, hosts: hosts, environment: environment,
                plan: try plan.map { try RolloutText.read($0) }))
        Talk.say("Rehearsal \(view.id) of \(release) on \(HostList.words(view.hosts.map(\.host))) is ordered.")
        return view
    }

    /// Asked again and again: a rehearsal has few steps, and the controller may restart meanwhile.
    private func follow(_ ordered: RehearsalView, _ client: ControllerClient) async throws -> RehearsalView {
        let time = SystemTime()
        let beganAt = time.monotonic()
        var (view, told, heardAt) = (ordered, [HostID: String](), beganAt)
        while true {
            for host in view.hosts {
                let line = ([host.state.rawValue] + host.seen.suffix(1)).joined(separator: "; ")
                if told.updateValue(line, forKey: host.host) != line { Talk.say("\(host.host): \(line)") }
            }
            let now = time.monotonic()
            if view.isOver { return view }
            if let timeout, now >= beganAt + timeout { return view }
            try await time.sleep(for: .milliseconds(500))
            do {
                view = try await client.rehearsal(view.id)
                heardAt = time.monotonic()
            } catch let error as ControllerAPIError where error.family == .unreachable {
                guard time.monotonic() < heardAt + .minutes(10) else { throw error }
            }
        }
    }
}

struct RehearsalRow: Presentable {
    var rehearsal: RehearsalView

    static let columns = ["REHEARSAL", "RELEASE", "ENVIRONMENT", "HOSTS", "BY", "AT"]
    var cells: [String] {
        [
            rehearsal.id.text, rehearsal.release.description, rehearsal.environment.text,
            rehearsal.hosts.map { "\($0.host) \($0.state.rawValue)" }.joined(separator: ", "), rehearsal.by,
            rehearsal.orderedAt.description,
        ]
    }
    var name: String { rehearsal.id.text }
    var details: String {
        var text = "\(rehearsal.id): \(rehearsal.release) in \(rehearsal.environment)\n"
        for host in rehearsal.hosts {
            text += "\(host.host)\(host.phase.map { " (\($0))" } ?? ""): \(host.state.rawValue)\n"
            for line in host.seen { text += "  \(line)\n" }
            if let evidence = host.evidence { text += "  evidence \(evidence.short)\n" }
        }
        if let evidence = rehearsal.evidence { text += "the whole: evidence \(evidence.short)\n" }
        return text
    }
    func encode(to encoder: any Encoder) throws { try rehearsal.encode(to: encoder) }
}
