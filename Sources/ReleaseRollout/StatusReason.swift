/// Why a rollout is in the state it is in: a permanent code, a sentence with the numbers, and who wanted it.
public struct StatusReason: Sendable, Hashable, Codable {
    public enum Code: String, Sendable, Codable, CaseIterable {
        // Decisions of the engine.
        case failuresOverTolerance, rolloutFailuresOverTolerance, oneHostFailed, insufficientReach, tooManySkipped
        case phaseWithoutHosts, pilotWithoutSuccess, requiredSuccessesOutOfReach, backOutFailures
        case pausedTooLong, unattended, backOutIncomplete
        /// A phase could pass and a person is to say so.
        case awaitsPromotion
        /// A gate of a phase that is done said fail; or nothing that decides.
        case gateFailed, gateUndecided
        /// Hosts that are down, or may be, leave no room beside them.
        case groupUnavailable
        /// No window is left in which those that wait could start.
        case noWindowLeft
        /// The program that switches the traffic failed.
        case trafficFailed
        /// In early life support more hosts turned unhealthy than may.
        case earlyLifeFailures
        // Decisions of people.
        case operatorPaused, operatorHalted, operatorStopped, operatorAborted, operatorBackedOut
        case operatorFroze
    }

    public var code: Code
    /// One sentence for people.
    public var text: String
    /// The person; nil: the engine.
    public var by: String?

    public init(_ code: Code, _ text: String, by: String? = nil) {
        self.code = code
        self.text = text
        self.by = by
    }
}
