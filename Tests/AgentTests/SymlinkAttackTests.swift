import AgentProtocol
import Effects
import Foundation
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("A user of the host who swaps folders for links while root installs", .serialized)
struct SymlinkAttackTests {
    /// Swaps each of these for a link to the victim and back, as fast as it can.
    private final class Attacker: Sendable {
        private let isOver = Mutex(false)
        private let swaps = Mutex(0)
        private let hasEnded = Mutex(false)

        init(_ paths: [String], victim: String) {
            Thread.detachNewThread { [self] in
                var number = 0
                while !isOver.withLock({ $0 }) {
                    let path = paths[number % paths.count]
                    number += 1
                    guard Glibc.rename(path, path + ".away") == 0 else { continue }
                    symlink(victim, path)
                    sched_yield()
                    unlink(path)
                    // What was made in its place meanwhile is left: the attacker does not care.
                    if Glibc.rename(path + ".away", path) != 0 {
                        _ = Glibc.rename(path, path + ".made\(number)")
                        _ = Glibc.rename(path + ".away", path)
                    }
                    swaps.withLock { $0 += 1 }
                    // Now and then it lets an installation come further.
                    usleep(UInt32(number % 11) * UInt32(number % 7) * 300)
                }
                hasEnded.withLock { $0 = true }
            }
        }

        /// How often it has swapped.
        var count: Int { swaps.withLock { $0 } }

        /// - Returns: how often it swapped.
        func end() -> Int {
            isOver.withLock { $0 = true }
            while !hasEnded.withLock({ $0 }) { sched_yield() }
            return count
        }
    }

    private static func names(_ folder: Directory) throws -> [String] {
        try folder.list().map { "\($0.name) \(try folder.status($0.name)?.mode ?? 0)" }
    }

    /// Everything below, with what links say.
    private static func everything(in folder: Directory) throws -> [String] {
        try folder.list().flatMap { entry -> [String] in
            switch entry.kind {
            case .directory:
                return try [entry.name] + everything(in: folder.directory(entry.name)).map { entry.name + "/" + $0 }
            case .symlink: return [try entry.name + " -> " + folder.readLink(entry.name)]
            default: return [entry.name]
            }
        }
    }

    /// Somebody else's release, which looks like one of ours.
    private static func victim() throws -> TemporaryFolder {
        let victim = try TemporaryFolder()
        for above in ["", "user/"] {
            _ = try victim.directory.createDirectory(above + "web.releases/r1")
            try victim.directory.createSymlink(above + "web", to: "web.releases/r1")
        }
        return victim
    }

    @Test("R50: a link on the way to a tree is followed in no step, and nothing changes where it leads")
    func linkOnTheWay() throws {
        let (root, victim) = (try TemporaryFolder(), try Self.victim())
        _ = try root.directory.createDirectory("srv")
        try root.directory.createSymlink("srv/user", to: victim.path)
        let before = try Self.everything(in: victim.directory)
        let layout = try UnitLayout(installTo: "/srv/user/web", root: root.path)
        let steps: [(String, () throws -> Void)] = [
            ("current", { _ = try layout.current() }), ("stage", { _ = try layout.freshStaging() }),
            ("drop", { try layout.dropStaging() }), ("adopt", { try layout.adoptStaging(as: "r2") }),
            ("tree", { _ = try layout.tree("r1") }), ("switch", { try layout.switchOver(to: "r2") }),
            ("unlink", { try layout.unlink() }), ("delete", { _ = try layout.deleteSome("r1", atMost: 10) }),
            ("share", { try PersistentPaths(layout: layout, paths: ["data"]).link(into: root.directory) }),
        ]
        for (name, step) in steps {
            let error = #expect(throws: EffectsError.self, "\(name)") { try step() }
            #expect(error?.code == "effects.file.escape", "\(name)")
        }
        #expect(try Self.everything(in: victim.directory) == before)
    }

    @Test("R50: a tree's link comes and goes while somebody swaps the folders above: nothing outside changes")
    func swappedAboveLinks() throws {
        let (root, victim) = (try TemporaryFolder(), try Self.victim())
        _ = try root.directory.createDirectory("srv/user")
        let before = try Self.everything(in: victim.directory)
        let layout = try UnitLayout(installTo: "/srv/user/web", root: root.path)
        let attacker = Attacker([root.path + "/srv", root.path + "/srv/user"], victim: victim.path)
        // At least so many rounds, and as many more as a busy machine needs until both sides had their turn.
        let rounds = Sweep.amount(100_000, sample: 2000)
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        var (number, done) = (0, 0)
        while number < rounds || (min(done, attacker.count) == 0 && ContinuousClock.now < deadline) {
            defer { number += 1 }
            let folder = "r\(number % 3)"
            try? layout.dropStaging()
            _ = try? layout.freshStaging()
            try? layout.adoptStaging(as: folder)
            if (try? layout.switchOver(to: folder)) != nil { done += 1 }
            if number % 2 == 0 { try? layout.unlink() }
            _ = try? layout.deleteSome("r\((number + 1) % 3)", atMost: 10)
        }
        #expect(attacker.end() > 0, "in \(number) rounds")
        #expect(done > 0, "in \(number) rounds")
        #expect(try Self.everything(in: victim.directory) == before)
    }

    @Test("R50: each component of the way is swapped for a link during installations: nothing outside changes")
    func swapped() async throws {
        let orders = Sweep.amount(10_000, sample: 60)
        let hosts = Sweep.isWhole ? min(8, orders) : 1
        let ended = try await inParallel(Array(0..<hosts), width: hosts) { _ in
            try await Self.attack(orders: (orders + hosts - 1) / hosts)
        }
        let outcomes = ended.reduce(into: [String: Int]()) { $0.merge($1.outcomes, uniquingKeysWith: +) }
        let swaps = ended.reduce(0) { $0 + $1.swaps }
        print("faults: symlinks: \(orders) orders on \(hosts) hosts beside \(swaps) swaps: \(outcomes)")
    }

    /// One host, one attacker.
    private static func attack(orders: Int) async throws -> (outcomes: [String: Int], swaps: Int) {
        let repository = try TestRepository()
        var tree = try TestRepository.unit()
        (tree.service, tree.health) = (nil, [])
        tree.installTo = "/srv/user/web"
        let units = [try UnitTypeTests.plain("crons", .file, installTo: "/srv/user/etc"), tree]
        var releases: [HostRelease] = []
        for number in 1...4 {
            releases.append(
                try await repository.submit(
                    "1.\(number)",
                    files: [
                        .init("crons/cron.d/web", "job \(number)\n", isProgram: false), TestRepository.serve,
                    ], units: units))
        }
        let victim = try TemporaryFolder()
        for name in ["web", "cron.d", "etc", "passwd"] {
            try victim.directory.writeDurably(name, Array("untouched".utf8), mode: 0o640)
        }
        _ = try victim.directory.createDirectory("web.releases")
        let before = try Self.names(victim.directory)
        let host = try await TestHost(repository)
        for folder in ["srv/user/etc/cron.d", "srv/user/web.releases"] {
            _ = try host.root.directory.createDirectory(folder)
        }
        let attacked = ["srv/user", "srv/user/etc", "srv/user/etc/cron.d", "srv/user/web.releases"]
            .map { host.root.path + "/" + $0 }
        let attacker = Attacker(attacked, victim: victim.path)
        var outcomes: [String: Int] = [:]
        // Up, back, up again.
        for number in 1...orders {
            let isBack = number % 2 == 0
            let current = await host.record.current
            guard let release = isBack ? current : releases.first(where: { $0 != current }) else { continue }
            let order = try order(number, isBack ? .backOut : .install)
            let ended = try await host.carryOut(
                repository.assignment(number, isBack ? .backOut : .install, release), order)
            outcomes["\(ended.outcome.words.prefix(12))", default: 0] += 1
            if await host.record.lockedBy != nil {
                try await host.agent.record([.unlocked(product: TestRepository.product)])
            }
        }
        let swaps = attacker.end()
        #expect(try Self.names(victim.directory) == before, "\(outcomes)")
        for name in ["web", "cron.d", "etc", "passwd"] {
            #expect(
                try victim.directory.read(name, sizeMax: ByteCount(100)) == Array("untouched".utf8), "\(name)")
        }
        #expect(try victim.directory.list("web.releases").isEmpty)
        try await host.end()
        return (outcomes, swaps)
    }
}
