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

    @Option(
        name: .customLong("fault"),
        help: "Any of these misfortunes by its name, as failing=0,0,20 or unattended; may be said several times.")
    var faults: [String] = []

    func validate() throws { try withFaults().check() }

    private func check() throws {
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
            let world = try withFaults()
            var conditions = SimulationConditions()
            conditions.failurePercents = try world.failurePercents
            conditions.backOutFailurePercent = world.stuck
            conditions.relapsePercent = world.relapsing
            conditions.vanishPercent = world.vanishing
            conditions.cutPercent = world.cutting
            conditions.partitions = world.partitions
            conditions.slowPercent = world.slow
            conditions.duplicatePercent = world.duplicating
            conditions.isReordering = world.reordering
            conditions.restarts = world.restarts
            conditions.clockSteps = world.clockSteps
            conditions.isAttended = !world.unattended
            return conditions
        }
    }

    private static var counted: [(name: String, field: WritableKeyPath<SimulationOptions, Int>)] {
        [
            ("stuck", \.stuck), ("relapsing", \.relapsing), ("vanishing", \.vanishing), ("cutting", \.cutting),
            ("partitions", \.partitions), ("slow", \.slow), ("duplicating", \.duplicating), ("restarts", \.restarts),
            ("clock-steps", \.clockSteps),
        ]
    }

    private static var plain: [(name: String, field: WritableKeyPath<SimulationOptions, Bool>)] {
        [
            ("reordering", \.reordering), ("unattended", \.unattended),
        ]
    }

    /// What `--fault` names, in the options of these names.
    private func withFaults() throws -> SimulationOptions {
        var world = self
        for fault in faults {
            let parts = fault.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let (name, value) = (parts[0], parts.count == 2 ? parts[1] : nil)
            if name == "failing", let value {
                world.failing = value
            } else if let field = Self.counted.first(where: { $0.name == name })?.field,
                let number = value.flatMap({ Int($0) })
            {
                world[keyPath: field] = number
            } else if let field = Self.plain.first(where: { $0.name == name })?.field, value == nil {
                world[keyPath: field] = true
            } else {
                let counted = (["failing"] + Self.counted.map(\.name)).map { "\($0)=N" }
                throw ValidationError(
                    "--fault \(fault.debugDescription) is none: "
                        + (counted + Self.plain.map(\.name)).joined(separator: ", ") + ".")
            }
        }
        return world
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
