import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("What rollouts went through, in memory and in the log")
struct HistoryTests {
    @Test("A rollout that is over is shown from the log as it was, also when it goes on; one under way stays in memory")
    func rested() async throws {
        try await TestFleet.serving(2) { _, client, running in
            for version in ["1.0", "1.1"] { #expect(try await TestFleet.submit(version, by: client).status == 201) }
            let id = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).id
            let next = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client).id
            let controller = running.controller
            let (before, all) = (try await controller.history(of: next), try await controller.history(of: nil))
            #expect(before.count > 8 && all.count > before.count)
            await controller.rest()
            for one in [id, next] { #expect(await controller.state.rollouts[one]?.changes.isEmpty == true) }
            #expect(await controller.state.changesHeld == 0)
            #expect(try await controller.history(of: next) == before)
            #expect(try await controller.history(of: nil) == all)
            let middle = before[before.count / 2].sequence
            #expect(try await controller.history(of: next, after: middle) == before.filter { $0.sequence > middle })
            let visit = ConsoleVisit(person: try #require(await controller.person(named: "admin")))
            let page = try await controller.consolePage(of: visit, chosen: next).render(try ConsoleTemplates())
            #expect(String(decoding: page, as: UTF8.self).contains(before.count.of("event")))
            // A page that stands open asks again after each event: the log is read for it once.
            let story = await controller.storyAtHand(of: next)
            #expect(story?.count == before.count && story?.newest == Array(before.suffix(RolloutPanel.changesMax)))
            #expect(await controller.storyAtHand(of: id) == nil)

            let request = RolloutVerbRequest(reason: "it leaks")
            #expect(try await client.post("/v1/rollouts/\(next)/back-out", request).status == 200)
            try await eventually {
                try await client.send("GET", "/v1/rollouts/\(next)").json(RolloutView.self).state == .backedOut
            }
            let after = try await controller.history(of: next)
            #expect(Array(after.prefix(before.count)) == before && after.count > before.count + 3)
            #expect(await controller.storyAtHand(of: next)?.count == after.count)
            // What each host should run is the same, asked for one or for all.
            let hosts = await controller.hostViews()
            #expect(hosts.count == 2)
            for host in hosts { #expect(try await controller.hostView(host.id).products == host.products) }
            #expect(hosts.allSatisfy { $0.products.first?.wanted?.text == "1.0" }, "\(hosts)")
            #expect(after.map(\.sequence) == Set(after.map(\.sequence)).sorted())
            // A watcher hears the same, and is not left without what came last.
            let (number, items) = try await controller.changes(of: next, after: 0)
            var heard: [RolloutChange] = []
            for await item in items {
                if case .change(let change) = item { heard.append(change) }
                if heard.count == after.count { break }
            }
            controller.watchers.remove(number)
            #expect(heard == after)
        }
    }

    @Test("No more is held than the bound and what is under way, in whatever order rollouts begin and end")
    func bounded() async throws {
        try await TestFleet.serving(2) { _, client, running in
            for version in ["1.0", "1.1"] { #expect(try await TestFleet.submit(version, by: client).status == 201) }
            let manual = RolloutStrategy.phased([
                PhaseDefinition(size: .count(1), promotion: .manual), PhaseDefinition(size: .percent(100)),
            ])
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            let open = try await client.startRollout(TestFleet.definition("1.1", manual)).json(RolloutView.self).id
            try await eventually { await running.controller.state.rollouts[open]?.rollout.waitsForPromotion == true }
            let entries = try await running.controller.store.entries(after: 0, limit: 1000)
            var state = FleetState(changesHeldMax: 60)
            var sequence = Int64(0)
            for turn in 1...40 {
                for var entry in entries {
                    sequence += 1
                    entry.sequence = sequence
                    if case .rolloutChanged(var it) = entry.event {
                        // The one under way is there once, from the beginning.
                        if it.rollout == open, turn > 1 { continue }
                        if it.rollout != open { it.rollout = try RolloutID("r\(turn)000") }
                        entry.event = .rolloutChanged(it)
                    } else if turn > 1 {
                        continue
                    }
                    state.apply(entry)
                }
                let underWay = try #require(state.rollouts[open]?.changes.count)
                #expect(underWay > 4 && state.changesHeld <= 60 + underWay)
                #expect(state.changesHeld == state.rollouts.values.map(\.changes.count).reduce(0, +))
            }
            #expect(state.rollouts.values.count { $0.restedTo > 0 } > 30)
        }
    }
}

extension Controller {
    /// As when many rollouts came after.
    fileprivate func rest() { state.restRollouts(keeping: 0) }
}
