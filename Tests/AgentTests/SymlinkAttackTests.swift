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

        /// - Returns: how often it swapped.
        func end() -> Int {
            isOver.withLock { $0 = true }
            while !hasEnded.withLock({ $0 }) { sched_yield() }
            return swaps.withLock { $0 }
        }
    }

    private static func names(_ folder: Directory) throws -> [String] {
        try folder.list().map { "\($0.name) \(try folder.status($0.name)?.mode ?? 0)" }
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
