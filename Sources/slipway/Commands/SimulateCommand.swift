import ArgumentParser
import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseRollout
import ReleaseSimulation

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Try a rollout on made-up hosts, with misfortunes, in no time.",
        discussion: """
            The engine is the real one, hosts and time are not: nothing is asked of a controller. The same seed gives the \
            same history. With --seeds, and without a file, that many made-up worlds are tried and every promise of the \
            engine is checked after each step; a seed that breaks one is printed.
            """)

    @OptionGroup var output: OutputOptions

    @Argument(help: "A rollout.yaml.")
    var file: String?

    @Option(help: "Made-up hosts; without a file, each world has its own number.")
    var hosts: Int?

    @Option(help: "Decides everything that is left to chance; of several, the first.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, from --seed on.")
    var seeds: Int = 1

    @Option(
        help: "Made-up worlds for so long, as in 60s, on all processors; each has a seed of its own.",
        transform: { try TimeSpan($0) })
    var lasting: TimeSpan?

    @OptionGroup var world: SimulationOptions

    /// For scripts/simulate: the engine beside a second one, on so many made-up histories.
    @Option(help: .hidden)
    var histories: Int?

    /// For scripts/bench: figures of the engine with so many hosts.
    @Option(help: .hidden)
    var measure: Int?

    /// For scripts/bench: figures of the measures over so many rollouts.
    @Option(help: .hidden)
    var measureRollouts: Int?

    @Option(help: .hidden)
    var commit: String = SlipwayVersion.text

    func validate() throws {
        if seeds < 1 { throw ValidationError("--seeds must be at least 1, not \(seeds).") }
        if let hosts, !(1...100_000).contains(hosts) {
            throw ValidationError("--hosts must be 1 to 100000, not \(hosts).")
        }
    }

    func run() async throws {
        if let measure { return try output.print(EngineMeasurement.take(hosts: max(1, measure))) }
        if let measureRollouts {
            return try output.print(LedgerMeasurement.take(rollouts: max(1, measureRollouts)))
        }
        if let histories { return try await compare(histories) }
        let definition = try file.map { try RolloutText.read($0) }
        let conditions = try world.conditions
        if seeds == 1, lasting == nil {
            guard let simulation = try madeUp(seed, definition, conditions) else { return }
            let summary = try Self.played(simulation, commit: commit)
            try output.print(SimulationView(summary: summary, seed: seed))
        } else {
            let tally = try await tryAll(definition, conditions)
            try output.print(tally)
            if !tally.failures.isEmpty { throw ProgramExit.failed }
        }
    }

    private func madeUp(
        _ seed: UInt64, _ definition: RolloutDefinition?, _ conditions: SimulationConditions
    ) throws -> Simulation? {
        guard let definition else { return Simulation.madeUp(seed: seed, hosts: hosts) }
        var hosts = SimulatedFleet.hosts(
            hosts ?? 100, product: definition.release.product, pullingPercent: world.pulling, seed: seed)
        for (key, values) in try world.labels {
            for index in hosts.indices { hosts[index].labels[key] = values[index % values.count] }
        }
        let limits = definition.limits
        let starts = try StartInterval.all(
            windows: definition.windows, freezes: definition.freezes,
            expected: limits.expectedDuration ?? limits.progressDeadline, from: Simulation.start,
            zone: ZoneFolder.rules)
        return Simulation(
            plan: try SimulatedFleet.plan(definition, hosts: hosts, starts: starts), conditions: conditions, seed: seed)
    }

    private static func played(_ simulation: Simulation, commit: String) throws -> SimulationSummary {
        var simulation = simulation
        do {
            return try simulation.run()
        } catch {
            throw CommandError(
                code: "simulate.invariant", summary: "replay: seed \(simulation.seed) commit \(commit): \(error)",
                remedy: "This is a defect of Slipway: report it with that line.")
        }
    }

    private func compare(_ histories: Int) async throws {
        let failures = await withTaskGroup(of: Int.self) { group in
            let workers = Workers.coreCount
            for worker in 0..<workers {
                group.addTask {
                    var failures = 0
                    for index in stride(from: worker, to: histories, by: workers) {
                        let seed = self.seed &+ UInt64(index)
                        guard var check = ModelCheck(seed: seed) else { continue }
                        do {
                            try check.run()
                        } catch {
                            Talk.say("replay: history \(seed) commit \(commit): \(error)")
                            failures += 1
                        }
                    }
                    return failures
                }
            }
            return await group.reduce(0, +)
        }
        Talk.say("\(histories) histories, \(failures) on which engine and reference differ.")
        if failures > 0 { throw ProgramExit.failed }
    }

    /// As many at a time as there are processors.
    private func tryAll(
        _ definition: RolloutDefinition?, _ conditions: SimulationConditions
    ) async throws -> SimulationTally {
        // With a time in place of a number, as many as fit into it.
        let end = lasting.map { ContinuousClock.now + .milliseconds($0.milliseconds) }
        let count = lasting == nil ? seeds : Int.max
        return try await withThrowingTaskGroup(of: SimulationTally.self) { group in
            let workers = Workers.coreCount
            for worker in 0..<workers {
                group.addTask {
                    var tally = SimulationTally()
                    for index in stride(from: worker, to: count, by: workers) {
                        if let end, ContinuousClock.now >= end { break }
                        let seed = self.seed &+ UInt64(index)
                        guard let simulation = try madeUp(seed, definition, conditions) else { continue }
                        do {
                            tally.add(try Self.played(simulation, commit: commit))
                        } catch let error as CommandError {
                            Talk.say(error.summary)
                            tally.failures.append(seed)
                        }
                    }
                    return tally
                }
            }
            var total = SimulationTally()
            for try await tally in group { total.add(tally) }
            total.failures.sort()
            return total
        }
    }
}

/// One simulated rollout.
struct SimulationView: Presentable, Decodable {
    var summary: SimulationSummary
    var seed: UInt64

    static let columns = ["SEED", "STATE", "HOSTS", "CHANGED", "BLAST RADIUS", "TIME TO RESTORE", "SIMULATED"]
    var cells: [String] {
        [
            "\(seed)", summary.state, "\(summary.hosts)", "\(summary.hostsChanged)", "\(summary.blastRadius)",
            summary.timeToRestore?.words ?? "-", summary.simulated.words,
        ]
    }
    var name: String { "\(seed)" }
    var details: String {
        TextTable(
            ["AFTER", "EVENT", "WHAT"], summary.timeline.map { [$0.after.words, $0.event, $0.text] }
        ).text + "\n" + TextTable(pairs: zip(Self.columns, cells).map { ($0.lowercased(), $1) }).text
    }
}

/// Many simulated rollouts.
struct SimulationTally: Presentable, Decodable {
    var worlds = 0
    var simulatedMilliseconds: Int64 = 0
    /// Scaled to fleets of 100 hosts.
    var simulatedMillisecondsOfHundredHosts: Int64 = 0
    var reports = 0
    var restarts = 0
    var ends: [String: Int] = [:]
    var failures: [UInt64] = []

    mutating func add(_ summary: SimulationSummary) {
        worlds += 1
        simulatedMilliseconds += summary.simulated.milliseconds
        simulatedMillisecondsOfHundredHosts += summary.simulated.milliseconds * Int64(summary.hosts) / 100
        reports += summary.reports
        restarts += summary.restarts
        ends[summary.state, default: 0] += 1
    }

    mutating func add(_ other: SimulationTally) {
        worlds += other.worlds
        simulatedMilliseconds += other.simulatedMilliseconds
        simulatedMillisecondsOfHundredHosts += other.simulatedMillisecondsOfHundredHosts
        reports += other.reports
        restarts += other.restarts
        ends.merge(other.ends) { $0 + $1 }
        failures += other.failures
    }

    static let columns = ["WORLDS", "HOURS", "HOURS OF 100 HOSTS", "REPORTS", "RESTARTS", "ENDS", "FAILED SEEDS"]
    var cells: [String] {
        [
            "\(worlds)", "\(simulatedMilliseconds / 3_600_000)", "\(simulatedMillisecondsOfHundredHosts / 3_600_000)",
            "\(reports)", "\(restarts)",
            ends.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
            failures.isEmpty ? "none" : failures.map(String.init).joined(separator: " "),
        ]
    }
    var name: String { "\(worlds)" }
}
