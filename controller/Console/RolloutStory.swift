import ControllerAPI
import ReleaseDefinition

/// What a rollout went through, as a page shows it: how many events, and the newest of them.
struct RolloutStory: Sendable, Equatable {
    var count = 0
    /// At most `RolloutPanel.changesMax`, oldest first.
    var newest: [RolloutChange] = []

    init() {}

    init(_ changes: some BidirectionalCollection<RolloutChange>) {
        (count, newest) = (changes.count, Array(changes.suffix(RolloutPanel.changesMax)))
    }

    func adding(_ changes: [RolloutChange]) -> RolloutStory {
        var story = RolloutStory(newest + changes)
        story.count = count + changes.count
        return story
    }
}

/// Stories whose events are in the log alone, of the rollouts that were looked at last: a page that stands open asks again
/// after each event of any rollout, and the log of a large one takes a second to read.
struct RestedStories: Sendable {
    static let countMax = 32

    private struct Known {
        var rollout: RolloutID
        var restedTo: Int64
        var story: RolloutStory
    }

    private var known: [Known] = []

    func story(of rollout: RolloutID, restedTo: Int64) -> RolloutStory? {
        known.first { $0.rollout == rollout && $0.restedTo == restedTo }?.story
    }

    mutating func keep(_ story: RolloutStory, of rollout: RolloutID, restedTo: Int64) {
        known.removeAll { $0.rollout == rollout }
        known.append(Known(rollout: rollout, restedTo: restedTo, story: story))
        known.removeFirst(max(0, known.count - Self.countMax))
    }
}

extension Controller {
    /// nil: the log must be read first.
    func storyAtHand(of id: RolloutID) -> RolloutStory? {
        guard let record = state.rollouts[id] else { return RolloutStory() }
        if record.restedTo == 0 { return RolloutStory(record.changes) }
        return restedStories.story(of: id, restedTo: record.restedTo)?.adding(record.changes)
    }

    /// - Throws: `controller.store.…`.
    func readStory(of id: RolloutID) async throws {
        guard let end = state.rollouts[id]?.restedTo else { return }
        let changes = try await history(of: id)
        // More may rest by the time that the log was read; then it is read again.
        restedStories.keep(RolloutStory(changes.filter { $0.sequence <= end }), of: id, restedTo: end)
    }
}
