import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// A rollout as its events made it, with the changes that watchers are told.
struct RolloutRecord: Sendable {
    let id: RolloutID
    private(set) var rollout = Rollout()
    private(set) var lastSequence: Int64 = 0
    private(set) var changes: [RolloutChange] = []

    init(id: RolloutID) { self.id = id }

    mutating func apply(_ event: RolloutEvent, _ entry: EventEntry) {
        rollout.apply(event)
        lastSequence = entry.sequence
    }
}
