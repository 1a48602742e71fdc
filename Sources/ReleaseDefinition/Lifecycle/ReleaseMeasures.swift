/// The four measures of how releases go (semantics 10), of one product or of all, over a span of time. Whole numbers
/// only; medians and rates are rounded toward the worse.
public struct ReleaseMeasures: Sendable, Equatable, Codable {
    /// nil: all of them.
    public var product: ProductName?
    public var from: UTCInstant
    public var until: UTCInstant
    /// Rollouts where releases go into service that ended in the span, without those that were given up.
    public var rollouts: Int
    /// Of these, those that succeeded, without emergencies.
    public var deployments: Int
    public var emergencies: Int
    /// Deployments in a thousand days.
    public var deploymentsPerThousandDays: Int
    /// From the earliest change of the release, else its build, to the first host that had it; nil: there was none.
    public var leadTimeToFirstHost: TimeSpan?
    public var leadTimeToLastHost: TimeSpan?
    /// Rollouts with a back-out, or with a fix in early life support.
    public var failures: Int
    public var failuresPermille: Int
    /// From the start of a failing rollout until what was wrong was taken back or mended.
    public var timeToRestore: TimeSpan?
    /// Failing rollouts that are not mended yet.
    public var unrestored: Int

    public init(
        product: ProductName?, from: UTCInstant, until: UTCInstant, rollouts: Int = 0, deployments: Int = 0,
        emergencies: Int = 0, deploymentsPerThousandDays: Int = 0, leadTimeToFirstHost: TimeSpan? = nil,
        leadTimeToLastHost: TimeSpan? = nil, failures: Int = 0, failuresPermille: Int = 0,
        timeToRestore: TimeSpan? = nil, unrestored: Int = 0
    ) {
        self.product = product
        self.from = from
        self.until = until
        self.rollouts = rollouts
        self.deployments = deployments
        self.emergencies = emergencies
        self.deploymentsPerThousandDays = deploymentsPerThousandDays
        self.leadTimeToFirstHost = leadTimeToFirstHost
        self.leadTimeToLastHost = leadTimeToLastHost
        self.failures = failures
        self.failuresPermille = failuresPermille
        self.timeToRestore = timeToRestore
        self.unrestored = unrestored
    }
}
