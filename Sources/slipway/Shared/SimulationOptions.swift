import ArgumentParser
import ReleaseDefinition
import ReleaseSimulation

/// How bad the world is in which a rollout is tried.
struct SimulationOptions: ParsableArguments {
    @Option(help: "Percentage of hosts that pull.")
    var pulling: Int = 0

    @Option(help: "Labels of the made-up hosts, dealt out in turn, as in zone=a,b; may be said several times.")
    var label: [String] = []

    @Option(help: "Percentage of hosts on which the release fails, for each phase, as in 0,0,20.")
    var failing: String = "0"

    @Option(help: "Percentage of hosts that cannot be taken back.")
    var stuck: Int = 0

    @Option(help: "Percentage of hosts that become healthy and do not stay so.")
    var relapsing: Int = 0

    @Option(help: "Percentage of hosts that vanish for good.")
    var vanishing: Int = 0

    @Option(help: "Percentage of hosts that are cut off for a while, up to three times.")
    var cutting: Int = 0

    @Option(help: "How often a share of the fleet is cut off at once.")
    var partitions: Int = 0

    @Option(help: "Percentage of hosts whose messages take up to two minutes.")
    var slow: Int = 0

    @Option(help: "Percentage of messages that come twice.")
    var duplicating: Int = 0

    @Flag(help: "Reports of a host come in any order.")
    var reordering = false

    @Option(help: "How often the controller dies, now and then between a decision and its storing.")
    var restarts: Int = 0

    @Option(help: "How often the controller's clock jumps.")
    var clockSteps: Int = 0

    @Flag(help: "Nobody looks after a halt.")
    var unattended = false

    func validate() throws {
        let percents = [
            ("pulling", pulling), ("stuck", stuck), ("relapsing", relapsing), ("vanishing", vanishing),
            ("cutting", cutting), ("slow", slow), ("duplicating", duplicating),
        ]
        for (name, percent) in percents where !(0...100).contains(percent) {
            throw ValidationError("--\(name) is a percentage, 0 to 100, not \(percent).")
        }
        for (name, count) in [("partitions", partitions), ("restarts", restarts), ("clock-steps", clockSteps)]
        where !(0...1000).contains(count) {
            throw ValidationError("--\(name) must be 0 to 1000, not \(count).")
        }
        _ = try (failurePercents, labels)
    }

    var conditions: SimulationConditions {
        get throws {
            var conditions = SimulationConditions()
            conditions.failurePercents = try failurePercents
            conditions.backOutFailurePercent = stuck
            conditions.relapsePercent = relapsing
            conditions.vanishPercent = vanishing
            conditions.cutPercent = cutting
            conditions.partitions = partitions
            conditions.slowPercent = slow
            conditions.duplicatePercent = duplicating
            conditions.isReordering = reordering
            conditions.restarts = restarts
            conditions.clockSteps = clockSteps
            conditions.isAttended = !unattended
            return conditions
        }
    }

    /// Each label with the values that are dealt out.
    var labels: [(key: String, values: [String])] {
        get throws {
            try label.map { text in
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                let values = parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : []
                guard let key = parts.first, !values.isEmpty else {
                    throw ValidationError("--label is KEY=VALUE[,VALUE…], not \(text.debugDescription).")
                }
                return (key, values)
            }
        }
    }

    private var failurePercents: [Int] {
        get throws {
            try failing.split(separator: ",", omittingEmptySubsequences: false).map { word in
                guard let percent = Int(word), (0...100).contains(percent) else {
                    throw ValidationError(
                        "--failing is a list of percentages as 0,0,20, not \(failing.debugDescription).")
                }
                return percent
            }
        }
    }
}
