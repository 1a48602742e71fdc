import ReleaseDefinition

/// One case per state of a rollout, holding only what is valid there.
public enum RolloutState: Sendable, Equatable {
    /// Nothing was started: the value before the first event.
    case planned
    case running(phase: Int)
    case baking(phase: Int, until: UTCInstant)
    case paused(Interruption)
    case halted(Interruption)
    /// No new starts; waits for the hosts in flight.
    case stopping(StatusReason)
    case backingOut(BackOut)
    case ended(RolloutEnd, at: UTCInstant)

    /// A pause or a halt: what it interrupted, why and since when.
    public struct Interruption: Sendable, Equatable {
        public var of: Interrupted
        public var reason: StatusReason
        public var since: UTCInstant
        /// Pages after the first.
        public var reminders = 0
    }

    public enum Interrupted: Sendable, Equatable {
        case running(phase: Int)
        /// The phase clock stopped with this much of the bake left.
        case baking(phase: Int, remaining: TimeSpan)
        case backingOut(BackOut)
    }

    public struct BackOut: Sendable, Equatable {
        /// `phase` or `rollout`.
        public var scope: BackOutScope
        /// The newest phase that was started: a phase back-out is about it alone.
        public var phase: Int
        public var reason: StatusReason

        /// Whether the back-out is about hosts of that phase. Later phases have none, unless an order crossed the end.
        public func covers(phase: Int) -> Bool { scope != .phase || phase >= self.phase }
    }
}
