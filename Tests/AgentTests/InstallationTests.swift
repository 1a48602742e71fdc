import AgentProtocol
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("The install machine")
struct InstallationTests {
    private func one() throws -> [UnitChange] { [try change("api")] }

    @Test("An order goes through every step in its order and ends as succeeded")
    func wayForward() throws {
        var installation = Installation(try task(), at: start)
        var steps: [InstallationStep] = []
        var actions: [InstallationAction] = []
        while let action = installation.pendingAction(at: start) {
            actions.append(action)
            if let step = installation.step { steps.append(step) }
            try installation.take(action == .verify ? .verified(changes: try one()) : .done)
        }
        #expect(
            steps == [
                .received, .verified, .preflight, .staged, .stopping, .switched, .starting, .checking, .committed,
            ])
        #expect(
            actions == [
                .verify, .preflight, .stage, .activate, .stop(unit: 0), .switchOver(unit: 0), .start(unit: 0),
                .check(unit: 0), .tidy,
            ])
        #expect(installation.state == .ended(.succeeded, nil))
        #expect(installation.deadlineAt == nil)
    }

    @Test("R25: every state that is not the end has a deadline, and its passing leads to an end")
    func deadlines() throws {
        for stop in 0..<9 {
            var installation = Installation(try task(), at: start)
            for _ in 0..<stop {
                if case .received = installation.state {
                    try installation.take(.verified(changes: try one()))
                } else {
                    try installation.take(.done)
                }
            }
            var now = start
            var rounds = 0
            while let deadline = installation.deadlineAt, rounds < 20 {
                #expect(try installation.decide(.tick, at: now).isEmpty || deadline <= now)
                now = deadline
                try installation.take(.tick, at: now)
                rounds += 1
            }
            guard case .ended(let outcome, _) = installation.state else {
                Issue.record("stuck in \(installation.state)")
                continue
            }
            #expect(outcome != .succeeded || stop == 8, "after \(stop) steps")
        }
    }

    /// Two slots: the second unit of three, of which the last is added.
    private func besides() throws -> [UnitChange] {
        var changes = [try change("one"), try change("two"), try change("three", .add)]
        changes[1].parallel = ParallelChange(old: .a, new: .b, drain: .seconds(5), warm: .minutes(1))
        changes[2].parallel = ParallelChange(old: nil, new: .a, drain: .seconds(5), warm: .minutes(1))
        return changes
    }

    @Test("Two slots: the new one is checked before it takes over, and the old one is there until it was drained")
    func besideForward() throws {
        var installation = Installation(try task(), at: start)
        try installation.take(.verified(changes: try besides()))
        var actions: [InstallationAction] = []
        while let action = installation.pendingAction(at: start) {
            actions.append(action)
            #expect(installation.deadlineAt != nil)
            try installation.take(.done)
        }
        #expect(
            Array(actions.dropFirst(7).prefix(7)) == [
                .stop(unit: 1), .switchOver(unit: 1), .start(unit: 1), .check(unit: 1), .takeOver(unit: 1),
                .drain(unit: 1), .stop(unit: 2),
            ])
        #expect(actions.suffix(3) == [.check(unit: 2), .takeOver(unit: 2), .tidy])
    }

    @Test("Two slots: wherever it fails, the old one serves again before the new one ends")
    func besideBack() throws {
        func steps(failingAt action: InstallationAction) throws -> [BackOutStep] {
            var installation = Installation(try task(), at: start)
            try installation.take(.verified(changes: try besides()))
            while installation.pendingAction(at: start) != action { try installation.take(.done) }
            try installation.take(.failed(failure()))
            var steps: [BackOutStep] = []
            while case .backOut(let step, _) = installation.pendingAction(at: start) {
                steps.append(step)
                try installation.take(.done)
            }
            return Array(steps.dropFirst())
        }
        let one: [BackOutStep] = [.stopping(unit: 0), .switching(unit: 0), .starting(unit: 0), .checking(unit: 0)]
        #expect(
            try steps(failingAt: .check(unit: 1)) == one + [.starting(unit: 1), .checking(unit: 1), .retiring(unit: 1)])
        let back: [BackOutStep] = [
            .starting(unit: 1), .takingOver(unit: 1), .checking(unit: 1), .retiring(unit: 1),
        ]
        #expect(try steps(failingAt: .drain(unit: 1)) == one + back)
        #expect(try steps(failingAt: .start(unit: 2)) == [.stopping(unit: 2), .switching(unit: 2)] + one + back)
        #expect(try steps(failingAt: .stop(unit: 1)) == one + [.starting(unit: 1), .checking(unit: 1)])
    }

    @Test("A restart of the host that does not come is waited for once, and backed out")
    func rebootDeadline() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .switched, changes: try one())
        try installation.take(.needsReboot(boot: "first", within: .minutes(3)))
        #expect(installation.pendingAction(at: start) == .reboot(unit: 0, from: "first"))
        // Another start of the agent does not begin the wait anew.
        try installation.take(.recover, at: start + .minutes(2))
        #expect(installation.deadlineAt == start + .minutes(3))
        try installation.take(.tick, at: start + .minutes(3))
        guard case .backingOut(let backOut) = installation.state else {
            Issue.record("\(installation.state)")
            return
        }
        #expect(backOut.failure?.failureClass == .install)
        var again = Installation(try task(), at: start)
        try again.advance(to: .switched, changes: try one())
        try again.take(.needsReboot(boot: "first", within: .minutes(3)))
        try again.take(.done)
        #expect(again.pendingAction(at: start) == .start(unit: 0))
    }

    @Test("A failure before the first stop ends the order and touches nothing", arguments: 0..<4)
    func failsBeforeStop(steps: Int) throws {
        var installation = Installation(try task(), at: start)
        for _ in 0..<steps {
            if case .received = installation.state {
                try installation.take(.verified(changes: try one()))
            } else {
                try installation.take(.done)
            }
        }
        try installation.take(.failed(failure(.preflight)))
        #expect(installation.state == .ended(.failed(.preflight), failure(.preflight)))
    }

    @Test("A failing stop hook starts the old release again; the host never left it, so it failed")
    func failsStopping() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .stopping, changes: try one())
        try installation.take(.failed(failure(.hook, at: .stopping)))
        var steps: [BackOutStep] = []
        while case .backOut(let step, _) = installation.pendingAction(at: start) {
            steps.append(step)
            try installation.take(.done)
        }
        #expect(steps == [.verifying, .starting(unit: 0), .checking(unit: 0)])
        #expect(installation.state == .ended(.failed(.hook), failure(.hook, at: .stopping)))
    }

    @Test("A failing health check backs out by itself, and the cause is kept")
    func failsChecking() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .checking, changes: try one())
        let events = try installation.take(.failed(failure()))
        #expect(events == [.backingOut(failure: failure(), unit: 0, wasSwitched: true)])
        var steps: [BackOutStep] = []
        while case .backOut(let step, _) = installation.pendingAction(at: start) {
            steps.append(step)
            try installation.take(.done)
        }
        #expect(
            steps == [
                .verifying, .stopping(unit: 0), .switching(unit: 0), .starting(unit: 0), .checking(unit: 0),
            ])
        #expect(installation.state == .ended(.backedOut(.health), failure()))
    }

    @Test("Unit k fails: units k to the first are backed out, in reverse order")
    func reverseOrder() throws {
        let changes = [try change("one"), try change("two", .add), try change("three")]
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .checking, changes: changes)
        while installation.pendingAction(at: start) != .check(unit: 1) { try installation.take(.done) }
        try installation.take(.failed(failure()))
        var steps: [BackOutStep] = []
        while case .backOut(let step, _) = installation.pendingAction(at: start) {
            steps.append(step)
            try installation.take(.done)
        }
        // The added unit has nothing to start; the third was never touched.
        #expect(
            steps == [
                .verifying, .stopping(unit: 1), .switching(unit: 1), .stopping(unit: 0), .switching(unit: 0),
                .starting(unit: 0), .checking(unit: 0),
            ])
    }

    @Test("Nothing starts on the way back before all that it requires is the old release's again")
    func startsInOrder() throws {
        // The release to return to had: gone, then file, service, other. What a release drops is dropped last.
        var changes = [try change("file"), try change("service"), try change("other"), try change("gone", .remove)]
        for (at, order) in [1, 2, 3, 0].enumerated() { changes[at].orderBack = order }
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .checking, changes: changes)
        while installation.pendingAction(at: start) != .switchOver(unit: 3) { try installation.take(.done) }
        try installation.take(.failed(failure()))
        var steps: [BackOutStep] = []
        while case .backOut(let step, _) = installation.pendingAction(at: start) {
            steps.append(step)
            try installation.take(.done)
        }
        let down = [3, 2, 1, 0].flatMap { [BackOutStep.stopping(unit: $0), .switching(unit: $0)] }
        let up = [3, 0, 1, 2].flatMap { [BackOutStep.starting(unit: $0), .checking(unit: $0)] }
        #expect(steps == [.verifying] + down + up)
    }

    @Test("R13: a back-out that fails three times ends with hands off, both errors kept, and nothing after it")
    func handsOff() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .checking, changes: try one())
        try installation.take(.failed(failure()))
        var now = start
        for attempt in 1...3 {
            #expect(installation.pendingAction(at: now) == .backOut(.verifying, attempt: attempt))
            try installation.take(.failed(failure(.backOut, at: .backingOut)), at: now)
            #expect(installation.pendingAction(at: now) == nil, "the next try waits")
            now = now + Installation.backOutRetryDelay
        }
        guard case .ended(.backOutFailed, let kept?) = installation.state else {
            Issue.record("\(installation.state)")
            return
        }
        #expect(kept.evidence.error.code == "test.health")
        #expect(kept.evidence.backOutError?.code == "test.backOut")
        #expect(installation.pendingAction(at: now + .hours(24)) == nil)
        #expect(installation.deadlineAt == nil)
    }

    @Test("An ordered back-out needs nothing staged and ends as backed out without a cause")
    func orderedBackOut() throws {
        var installation = Installation(try task(1, .backOut, from: "2.0", to: "1.0"), at: start)
        try installation.take(.verified(changes: try one()))
        #expect(installation.pendingAction(at: start) == .backOut(.verifying, attempt: 1))
        while installation.pendingAction(at: start) != nil { try installation.take(.done) }
        #expect(installation.state == .ended(.backedOut(nil), nil))
    }

    @Test("A result that comes after its deadline changes nothing that has ended")
    func staleResult() throws {
        var installation = Installation(try task(), at: start)
        try installation.take(.failed(failure(.verify)))
        let ended = installation.state
        for command in [InstallationCommand.done, .tick, .failed(failure()), .recover] {
            #expect(try installation.take(command).isEmpty)
        }
        #expect(installation.state == ended)
    }

    @Test("What cannot come is an error, not a guess")
    func impossible() throws {
        let installation = Installation(try task(), at: start)
        #expect(throws: AgentError.self) { try installation.decide(.done, at: start) }
        var checking = installation
        try checking.advance(to: .checking, changes: try one())
        #expect(throws: AgentError.self) { try checking.decide(.refused(.superseded), at: start) }
        #expect(throws: AgentError.self) { try checking.decide(.verified(changes: []), at: start) }
    }

    // MARK: - The table of start-up recovery (semantics 8)

    @Test(
        "R4: found before its first stop, staging is dropped and it starts again",
        arguments: [InstallationStep.received, .verified, .preflight, .staged])
    func recoverBeforeStop(step: InstallationStep) throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: step, changes: try one())
        #expect(try installation.take(.recover) == [.restarted])
        #expect(installation.step == .received)
        #expect(installation.changes.isEmpty)
    }

    @Test(
        "R4, R15: found between stop and commit, its action is repeated, so health is proved again",
        arguments: [InstallationStep.stopping, .switched, .starting, .checking])
    func recoverBetween(step: InstallationStep) throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: step, changes: try one())
        let action = installation.pendingAction(at: start)
        let later = start + .hours(100)
        #expect(try installation.take(.recover, at: later) == [.recovered])
        #expect(installation.step == step)
        #expect(installation.pendingAction(at: later) == action)
        // The time in which no agent was there does not count.
        let deadlineAt = try #require(installation.deadlineAt)
        #expect(deadlineAt > later)
        try installation.advance(to: .checking, changes: try one())
        try installation.take(.failed(failure()))
        #expect(installation.step == .backingOut)
    }

    @Test("R32: a way back that a clock ten years ahead had begun goes on at once when the clock is right again")
    func recoverFromAhead() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .checking, changes: try one())
        let ahead = start + .days(3650)
        try installation.take(.failed(failure()), at: ahead)
        #expect(installation.step == .backingOut)
        #expect(installation.pendingAction(at: start) == nil, "so it would wait for ten years")
        #expect(try installation.take(.recover, at: start) == [.recovered])
        let soon = start + Installation.backOutRetryDelay
        #expect(installation.pendingAction(at: soon) != nil)
        #expect(try #require(installation.deadlineAt) < start + .days(2))
    }

    @Test("Found after commit, what follows is repeated and the outcome is success")
    func recoverCommitted() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .committed, changes: try one())
        #expect(try installation.take(.recover) == [.recovered])
        #expect(installation.pendingAction(at: start) == .tidy)
        try installation.take(.done)
        #expect(installation.state == .ended(.succeeded, nil))
    }

    @Test("Found inside a back-out, its step is repeated, however often")
    func recoverBackingOut() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .checking, changes: try one())
        try installation.take(.failed(failure()))
        for _ in 0..<4 {
            let action = installation.pendingAction(at: start)
            for _ in 0..<10 { try installation.take(.recover) }
            #expect(installation.pendingAction(at: start) == action)
            try installation.take(.done)
        }
    }

    @Test("An order whose steps kill the agent again and again is given up: nothing loops for ever")
    func recoveryIsBounded() throws {
        var installation = Installation(try task(), at: start)
        try installation.advance(to: .starting, changes: try one())
        for _ in 0..<Installation.recoveriesMax { #expect(try installation.take(.recover) == [.recovered]) }
        try installation.take(.recover)
        #expect(installation.step == .backingOut)
        while installation.pendingAction(at: start) != nil { try installation.take(.done) }
        guard case .ended(.backedOut(.lost), _) = installation.state else {
            Issue.record("\(installation.state)")
            return
        }

        var early = Installation(try task(), at: start)
        for _ in 0..<Installation.recoveriesMax { #expect(try early.take(.recover) == [.restarted]) }
        try early.take(.recover)
        guard case .ended(.failed(.lost), _) = early.state else {
            Issue.record("\(early.state)")
            return
        }
    }
}
