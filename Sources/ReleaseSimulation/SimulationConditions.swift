import ReleaseDefinition

/// How bad the world is. Percentages are of hosts, or of messages where it says so.
public struct SimulationConditions: Sendable, Equatable {
    /// How many hosts fail the release, by phase; the last one holds for the phases after it.
    public var failurePercents: [Int] = [0]
    public var backOutFailurePercent = 0
    /// Hosts that became healthy and do not stay so.
    public var relapsePercent = 0
    /// Hosts that vanish for good.
    public var vanishPercent = 0
    /// Of those that vanish: machines that are known to have left.
    public var ephemeralPercent = 0
    /// Each host may be cut off up to three times.
    public var cutPercent = 0
    /// Times that a share of the fleet is cut off at once.
    public var partitions = 0
    /// Hosts whose messages take up to two minutes.
    public var slowPercent = 0
    /// Messages that come again.
    public var duplicatePercent = 0
    /// How often each of them does.
    public var duplicateCopies = 1
    public var isReordering = false
    /// Times that the controller dies, now and then between a decision and its storing.
    public var restarts = 0
    /// Times that the controller's wall clock jumps.
    public var clockSteps = 0
    /// Words of people at any moment.
    public var verbs = 0
    /// Whether somebody looks after a halt.
    public var isAttended = true

    public init() {}

    public static let calm = SimulationConditions()

    /// Misfortune of every kind, in a different mixture for each seed.
    static func madeUp(_ choice: inout SeededChoice, phases: Int) -> Self {
        var conditions = Self()
        let usual = choice.one([0, 0, 2, 5, 20, 80])
        conditions.failurePercents = (0..<max(1, phases)).map { _ in
            choice.chance(70) ? usual : choice.one([0, 10, 50])
        }
        conditions.backOutFailurePercent = choice.one([0, 0, 5, 40])
        conditions.relapsePercent = choice.one([0, 0, 3, 15])
        conditions.vanishPercent = choice.one([0, 0, 3, 10, 40])
        conditions.ephemeralPercent = choice.one([0, 50])
        conditions.cutPercent = choice.one([0, 5, 30, 90])
        conditions.partitions = choice.one([0, 0, 1, 3])
        conditions.slowPercent = choice.one([0, 10, 60])
        conditions.duplicatePercent = choice.one([0, 10, 50])
        conditions.isReordering = choice.chance(30)
        conditions.restarts = choice.one([0, 0, 1, 4])
        conditions.clockSteps = choice.one([0, 0, 0, 2])
        conditions.verbs = choice.one([0, 0, 0, 1, 3])
        conditions.isAttended = choice.chance(70)
        return conditions
    }

    func failurePercent(phase: Int) -> Int {
        failurePercents.isEmpty ? 0 : failurePercents[min(phase, failurePercents.count - 1)]
    }
}
