import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Retention and what a back-out returns to")
struct RetentionTests {
    /// A model disk: the releases whose trees are complete.
    private struct World {
        var host = HostState()
        var disk: Set<HostRelease> = []
        var orders = 0
        var keep = 3

        mutating func apply(_ change: HostChange) {
            host.apply(JournalEntry(at: start, changes: [change]))
        }

        mutating func run(_ task: InstallationTask, failAt failing: Int?, backOutFails: Bool) throws {
            apply(.received(task: task, counter: nil))
            var step = 0
            var now = start
            while let installation = host.installation {
                guard let action = installation.pendingAction(at: now) else {
                    now = now + .seconds(10)
                    continue
                }
                var command = InstallationCommand.done
                if action == .verify { command = .verified(changes: [try change("api")]) }
                if action == .stage, let to = task.to { disk.insert(to) }
                if case .backOut(_, _) = action {
                    if backOutFails { command = .failed(failure(.backOut)) }
                } else {
                    step += 1
                    if step == failing { command = .failed(failure()) }
                }
                for event in try installation.decide(command, at: now) { apply(.installation(event: event)) }
            }
        }

        mutating func prune(_ product: ProductName) {
            let record = host.record(of: product)
            let doomed = Retention.removable(
                onDisk: record.releases.map(\.release), protected: record.protected, keep: keep)
            for release in doomed {
                disk.remove(release)
                apply(.deleted(release: release))
            }
        }
    }

    @Test("R11, R12: in any history the running release and what a back-out returns to are complete on the disk")
    func randomHistories() throws {
        let random = SeededRandom(seed: 2026)
        let product = try ProductName("payments")
        let releases = try (1...9).map { try release("\($0).0") }
        for history in 0..<Sweep.amount(100_000, sample: 4000) {
            var world = World()
            world.keep = Int(random.fraction(of: 4))
            for _ in 0..<12 {
                world.orders += 1
                let record = world.host.record(of: product)
                let failing = random.fraction(of: 2) == 0 ? Int(random.fraction(of: 10)) : nil
                let action: OrderAction = random.fraction(of: 3) == 0 ? .backOut : .install
                let number = try order(world.orders, action)
                let fails = random.fraction(of: 12) == 0
                if action == .backOut {
                    guard let current = record.current else { continue }
                    let target = record.lastGood(before: current)
                    #expect(target.map { world.disk.contains($0) } ?? true, "history \(history)")
                    let standing = record.releases.first { $0.release == target }?.standing
                    #expect(target == nil || standing == .good)
                    try world.run(
                        InstallationTask(order: number, envelope: nil, from: current, to: target), failAt: nil,
                        backOutFails: fails)
                } else {
                    let to = releases[Int(random.fraction(of: Int64(releases.count - 1)))]
                    guard to != record.current else { continue }
                    try world.run(
                        InstallationTask(order: number, envelope: nil, from: record.current, to: to), failAt: failing,
                        backOutFails: fails)
                }
                world.prune(product)
                let after = world.host.record(of: product)
                if let current = after.current { #expect(world.disk.contains(current), "history \(history)") }
                if let good = after.lastGood(before: after.current) {
                    #expect(world.disk.contains(good), "history \(history)")
                }
                // R14: current, last good and what `keep` allows, no more.
                #expect(after.releases.count <= max(world.keep, 2), "history \(history)")
                if after.lockedBy != nil { break }
            }
        }
    }

    @Test("R12: a back-out skips a release that failed and goes to the one before it")
    func skipsBad() throws {
        var world = World()
        let product = try ProductName("payments")
        let (one, two, three) = (try release("1.0"), try release("2.0"), try release("3.0"))
        try world.run(
            InstallationTask(order: try order(1), envelope: nil, from: nil, to: one), failAt: nil, backOutFails: false)
        try world.run(
            InstallationTask(order: try order(2), envelope: nil, from: one, to: two), failAt: 8, backOutFails: false)
        #expect(world.host.record(of: product).current == one)
        try world.run(
            InstallationTask(order: try order(3), envelope: nil, from: one, to: three), failAt: nil, backOutFails: false
        )
        #expect(world.host.record(of: product).lastGood(before: three) == one)
    }

    @Test("The protected ones count towards keep; the oldest goes first")
    func order_() throws {
        let all = try ["5.0", "4.0", "3.0", "2.0", "1.0"].map { try release($0) }
        let protected: Set = [all[0], all[4]]
        #expect(Retention.removable(onDisk: all, protected: protected, keep: 3) == [all[3], all[2]])
        #expect(Retention.removable(onDisk: all, protected: protected, keep: 0) == [all[3], all[2], all[1]])
        #expect(Retention.removable(onDisk: all, protected: Set(all), keep: 1).isEmpty)
    }
}
