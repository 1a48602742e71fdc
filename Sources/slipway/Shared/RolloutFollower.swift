import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct FollowOptions: ParsableArguments {
    @Flag(help: "Return as soon as the rollout has started.")
    var detach = false

    @Option(help: "Stop watching after this time, as 10m; the rollout goes on.", transform: { try TimeSpan($0) })
    var timeout: TimeSpan?

    /// Watches to the end and leaves with the final state's code.
    /// - Parameter hosts: whose back-out is watched to its end, whatever becomes of the rollout; empty: the rollout is.
    /// - Throws: `ProgramExit` for any end but `succeeded`.
    func follow(
        _ rollout: RolloutView, hosts: [HostID] = [], after sequence: Int64 = 0, client: ControllerClient,
        output: OutputOptions
    ) async throws {
        guard !detach else {
            try output.print(RolloutPresentation(rollout: rollout))
            return
        }
        let final = try await RolloutFollower(client: client, output: output, backingOut: hosts, seen: sequence)
            .run(rollout.id, timeout: timeout)
        guard final == .done else { throw final }
    }
}

/// Tells a rollout's changes as they come, one line each, until it has ended.
struct RolloutFollower {
    let client: ControllerClient
    let output: OutputOptions
    /// Hosts that are backed out by name; empty: it is about the whole rollout.
    var backingOut: [HostID] = []
    /// Changes up to this one are not told.
    var seen: Int64 = 0
    var time: any TimeDoor = SystemTime()
    private static let behindMax = TimeSpan.seconds(15)
    private static let standingPause = TimeSpan.seconds(1)

    func run(_ id: RolloutID, timeout: TimeSpan?) async throws -> ProgramExit {
        DetachOnInterrupt.start("rollout \(id)", command: "slipway rollout watch \(id)")
        let deadline = timeout.map { time.monotonic() + $0 }
        var follower = self
        while true {
            let standing = RolloutStanding()
            let told = try await follower.ended(id, standing, by: deadline)
            let view = try await view(of: id, knowing: told ?? 0)
            // Somebody resumed, retried or backed out between what ended this and the look after it.
            if let told, view.sequence > told, exit(of: view) == nil {
                follower.seen = max(told, await standing.latest)
                continue
            }
            return try report(view, told, id)
        }
    }

    /// - Returns: the last change that was told; nil: the time is over.
    private func ended(_ id: RolloutID, _ standing: RolloutStanding, by deadline: TimeSpan?) async throws -> Int64? {
        try await withThrowingTaskGroup(of: Int64?.self) { group in
            group.addTask { try await tell(id, standing) }
            if backingOut.isEmpty { group.addTask { try await end(of: standing, id) } }
            if let deadline {
                group.addTask {
                    let left = deadline.milliseconds - time.monotonic().milliseconds
                    if left > 0 { try await time.sleep(for: .milliseconds(left)) }
                    return nil
                }
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    private func report(_ view: RolloutView, _ told: Int64?, _ id: RolloutID) throws -> ProgramExit {
        if output.output != .ndjson { try output.print(RolloutPresentation(rollout: view)) }
        guard let exit = exit(of: view) else {
            if told != nil, view.state == .halted {
                Talk.say("\(Self.halted(view)) No host is under way: nothing moves until somebody acts.")
                Talk.say("Next: slipway rollout why \(id)")
                return .failed
            }
            Talk.say(
                told != nil
                    ? "Rollout \(id) is \(view.state.rawValue)." : "Rollout \(id) goes on; this watch timed out.")
            return .timedOut
        }
        sayWhatFollows(view)
        return exit
    }

    /// Waits until a halt has nothing left under way. A host that is to go back, or is asked once more, is so a moment later: what
    /// counts has stood for two looks.
    /// - Returns: the last change that was told.
    private func end(of standing: RolloutStanding, _ id: RolloutID) async throws -> Int64? {
        var before: Int64?
        while true {
            try await time.sleep(for: Self.standingPause)
            guard let told = await standing.halted, let view = try? await client.rollout(id),
                view.state == .halted, view.sequence <= told, view.hostsUnderWay == 0
            else {
                before = nil
                continue
            }
            if before == told { return told }
            before = told
        }
    }

    /// Of several controllers the one that answers may be a moment behind the one that told, and the one that told may be gone.
    private func view(of id: RolloutID, knowing told: Int64) async throws -> RolloutView {
        let end = time.monotonic() + Self.behindMax
        while true {
            let isLast = time.monotonic() >= end
            do {
                let view = try await client.rollout(id)
                if view.sequence >= told || isLast { return view }
            } catch let error as ControllerAPIError where error.family == .unreachable && !isLast {}
            try await time.sleep(for: .milliseconds(100))
        }
    }

    private func exit(of view: RolloutView) -> ProgramExit? {
        backingOut.isEmpty ? ProgramExit(view.state) : ProgramExit(backOutOf: backingOut, in: view)
    }

    private func sayWhatFollows(_ view: RolloutView) {
        if view.state == .superseded, backingOut.isEmpty, let next = view.successor {
            Talk.say("Rollout \(next) has its hosts now: slipway rollout watch \(next)")
        }
        let stuck = view.state == .backOutFailed ? view.notBackedOut : []
        if !stuck.isEmpty {
            Talk.say(
                "\(stuck.count.of("host")) could not go back, \(HostList.words(stuck)): slipway hosts why HOST \(view.release) says why, "
                    + "and what to do there.")
        }
        if let running = view.stillRunning, !running.isEmpty, view.state.isFinal {
            Talk.say("\(view.release) is revoked and still runs on \(HostList.words(running)).")
        }
    }

    /// - Returns: the last change that was told.
    private func tell(_ id: RolloutID, _ standing: RolloutStanding) async throws -> Int64 {
        let status = RolloutStatusLine(client, id)
        let refreshing = Task { await status.keep() }
        defer { refreshing.cancel() }
        do {
            let told = try await tell(id, above: status, standing)
            await status.end()
            return told
        } catch {
            await status.end()
            throw error
        }
    }

    private func tell(
        _ id: RolloutID, above status: RolloutStatusLine, _ standing: RolloutStanding
    ) async throws -> Int64 {
        var told = seen
        var last: RolloutState?
        // What is told of the past asks nobody to do anything.
        let past = (try? await client.rollout(id).sequence) ?? 0
        var isDone: (@Sendable (RolloutView) -> Bool)?
        if !backingOut.isEmpty { isDone = { [backingOut] in ProgramExit(backOutOf: backingOut, in: $0) != nil } }
        for try await event in client.watch(id, after: seen, isDone: isDone, time: time) {
            switch event {
            case .change(let change):
                if output.output == .ndjson {
                    try StandardOutput.write(JSONCoding.value(of: change).wireBytes + [0x0A])
                }
                told = max(told, change.sequence)
                await status.say(Self.line(change))
                if change.state == .halted, last != .halted, change.sequence >= past {
                    await sayHalt(id, status)
                }
                await standing.told(change)
                last = change.state
            case .lost(let error):
                await status.say("The controller is away, waiting for it: \(error.cause ?? error.summary)")
            case .found: await status.say("The controller is back.")
            }
        }
        return told
    }

    /// Where hosts are under way still, so that this goes on; else the end says it.
    private func sayHalt(_ id: RolloutID, _ status: RolloutStatusLine) async {
        guard let view = try? await client.rollout(id), view.state == .halted, view.hostsUnderWay > 0 else { return }
        let left = view.hostsUnderWay
        await status.say(
            "\(Self.halted(view)) \(left.of("host")) \(left == 1 ? "is" : "are") under way still: this goes on until then."
        )
        await status.say("Next: slipway rollout why \(id)")
    }

    /// What and where, for whoever was woken by it: `The emergency push of web@1.4 is halted in staging: 1 host of 3 in everyone
    /// failed, 0 allowed.`
    static func halted(_ view: RolloutView) -> String {
        let kind = view.isEmergency ? "The emergency push of " : ""
        let reason = view.reason.map { ": \(LocalTime.here.plain($0))" } ?? ""
        return "\(kind)\(view.release) is halted in \(view.environment)\(reason)" + (reason.hasSuffix(".") ? "" : ".")
    }

    /// `12:03:04.250  web-1: succeeded`: the text names phase and host where it is about one.
    static func line(_ change: RolloutChange, _ clock: LocalTime = .here) -> String {
        "\(clock.clock(change.at))  \(clock.plain(change.text))"
    }
}

/// What a watch knows of a halt, for what ends the watch.
actor RolloutStanding {
    /// The last change that was told; nil: it is not about a rollout that is halted.
    private(set) var halted: Int64?
    /// The last change that was told, whatever it is about.
    private(set) var latest: Int64 = 0

    func told(_ change: RolloutChange) {
        halted = change.state == .halted ? change.sequence : nil
        latest = change.sequence
    }
}

extension RolloutView {
    /// Hosts that have an order, to install or to go back, and have not ended it.
    var hostsUnderWay: Int { hosts.count { $0.order != nil && $0.outcome == nil } }
}

extension ProgramExit {
    /// Of hosts that are backed out by name: nil until each of them has ended.
    init?(backOutOf hosts: [HostID], in view: RolloutView) {
        let rows = view.hosts.filter { hosts.contains($0.host) }
        guard rows.allSatisfy({ $0.order?.action == .backOut && $0.outcome != nil }) else { return nil }
        let isBack = rows.allSatisfy { if case .backedOut = $0.outcome { true } else { false } }
        self = isBack ? .backedOut : .failed
    }
}

/// `web-1, web-2 and 3 more`.
enum HostList {
    static func words(_ hosts: [HostID]) -> String {
        let named = hosts.prefix(10).map(\.text).joined(separator: ", ")
        return hosts.count > 10 ? "\(named) and \(hosts.count - 10) more" : named
    }
}

/// How many hosts of the phase are done, below what is told, on a terminal; elsewhere what is told is all.
actor RolloutStatusLine {
    private let client: ControllerClient
    private let id: RolloutID
    private var text = ""
    /// Something was told since the controller was asked.
    private var isOld = true
    private var hasEnded = false

    init(_ client: ControllerClient, _ id: RolloutID) { (self.client, self.id) = (client, id) }

    func say(_ line: String) {
        TerminalLine.show("")
        Talk.say(line)
        TerminalLine.show(text)
        isOld = true
    }

    func end() {
        hasEnded = true
        TerminalLine.show("")
    }

    /// Asks the controller once a second at most, and only after a change: a fleet tells thousands of them. Until cancelled.
    func keep() async {
        guard TerminalLine.isPossible else { return }
        let time = SystemTime()
        while (try? await time.sleep(for: .seconds(1))) != nil {
            guard isOld else { continue }
            isOld = false
            guard let view = try? await client.rollout(id), !hasEnded else { continue }
            text = Self.words(view)
            TerminalLine.show(text)
        }
    }

    /// `phase 2 of 3: 12 of 40 hosts done, 3 in hand, 1 failed; 52 of 100 in all`
    static func words(_ view: RolloutView) -> String {
        let all = view.phases.reduce(0) { $0 + $1.hosts }
        let done = view.phases.reduce(0) { $0 + $1.succeeded }
        guard let phase = view.phases.last(where: { $0.startedAt != nil }) ?? view.phases.first else { return "" }
        var parts = ["\(phase.succeeded) of \(phase.hosts.of("host")) done"]
        if phase.inFlight > 0 { parts.append("\(phase.inFlight) in hand") }
        if phase.failed > 0 { parts.append("\(phase.failed) failed") }
        if phase.backedOut > 0 { parts.append("\(phase.backedOut) backed out") }
        let total = view.phases.count > 1 ? "; \(done) of \(all) in all" : ""
        return "phase \(phase.number) of \(view.phases.count): \(parts.joined(separator: ", "))\(total)"
    }
}
