import Effects
import Foundation
import Testing

@testable import ControllerLibrary

/// Three controllers on one database, each stopped past its lease again and again, at every place of their course.
@Suite("Histories of a lease", .enabled(if: TestPostgres.isInstalled))
struct LeaseHistoryTests {
    private static let share = ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"].map { max(1, Int($0) ?? 1) }
    private static let histories = share.map { 10_000 / $0 } ?? 100

    private struct World {
        let stores: [PostgresStore]
        let clock: PostgresConnection
        var written: [String] = []
        var refused = 0
        var raced = 0

        /// As a controller that has just woken up does it: it reads all there is, then writes under the lease that it knows.
        /// - Returns: false: it was refused by the token.
        static func write(_ word: String, _ store: PostgresStore, under lease: Lease) throws -> Bool {
            while true {
                _ = try store.readOn(event: { _ in }, report: { _ in })
                do {
                    let change = StoreChange(events: [StoreSamples.person(word)])
                    _ = try store.append(change, expecting: store.sequence, at: StoreSamples.now, under: lease)
                    return true
                } catch let error as ControllerError where error.code == "controller.store.conflict" {
                } catch let error as ControllerError where error.code == "controller.store.fenced" { return false }
            }
        }

        mutating func play(_ history: Int, _ number: (Int) -> Int) async throws {
            let name = "h\(history)"
            var known = [Lease?](repeating: nil, count: stores.count)
            var (holder, token, hasEnded) = (Int?.none, Int64(0), true)
            func pass() throws { try clock.run("UPDATE leases SET ends = '-infinity' WHERE name = '\(name)'") }
            for step in 0..<10 {
                let one = number(stores.count)
                func word(_ lease: Lease) -> String { "\(history)/\(lease.token)/\(step)-\(one)" }
                switch number(6) {
                case 0:
                    try pass()
                    hasEnded = true
                case 1, 2:
                    let lease = try stores[one].acquire(name, by: "c\(one)", for: .hours(1))
                    guard hasEnded || holder == one else {
                        #expect(lease == nil, "history \(history), step \(step): two hold it")
                        continue
                    }
                    if holder != one { token += 1 }
                    (holder, hasEnded, known[one]) = (one, false, lease)
                    #expect(lease?.token == token, "history \(history), step \(step)")
                case 3, 4:
                    guard let lease = known[one] else { continue }
                    let mayWrite = holder == one && lease.token == token
                    let hasWritten = try Self.write(word(lease), stores[one], under: lease)
                    #expect(hasWritten == mayWrite, "history \(history), step \(step)")
                    if hasWritten { written.append(word(lease)) } else { refused += 1 }
                default:
                    // The lease passes, another takes it and writes while the old one still does: in either order.
                    guard let old = holder, let lease = known[old], lease.token == token else { continue }
                    let next = (old + 1) % stores.count
                    try pass()
                    let (first, second) = (stores[old], stores[next])
                    let oldWord = "\(history)/\(token)/\(step)-old"
                    async let isIn = Self.write(oldWord, first, under: lease)
                    let taken = try #require(try second.acquire(name, by: "c\(next)", for: .hours(1)))
                    #expect(taken.token == token + 1)
                    #expect(try Self.write(word(taken), second, under: taken))
                    if try await isIn { written.append(oldWord) } else { refused += 1 }
                    written.append(word(taken))
                    (holder, token, hasEnded, known[next]) = (next, taken.token, false, taken)
                    raced += 1
                }
            }
        }
    }

    @Test("R48: whoever was stopped past its lease writes nothing after another has written, in any history")
    func histories() async throws {
        let address = try TestPostgres.newDatabase()
        var world = World(
            stores: try (0..<3).map { _ in try PostgresStore(address: address) },
            clock: try PostgresConnection(address))
        let random = SeededRandom(seed: 48)
        for history in 0..<Self.histories {
            try await world.play(history) { end in
                Int(random.bytes(4).reduce(0) { $0 << 8 | UInt32($1) } % UInt32(end))
            }
        }
        let names = try StoreSamples.names(PostgresStore(address: address))
        #expect(names.sorted() == world.written.sorted(), "what was confirmed is there once, and nothing else")
        // In the order of the log the token of a lease never falls.
        var highest: [Substring: Int] = [:]
        for name in names {
            let parts = name.split(separator: "/")
            let token = try #require(Int(parts[1]))
            #expect(token >= highest[parts[0], default: 0], "\(name) was written after a higher token")
            highest[parts[0]] = token
        }
        #expect(world.refused > Self.histories / 2 && world.raced > Self.histories / 4)
        print(
            "faults: leases: \(Self.histories) histories of 3 controllers: \(names.count) written, \(world.refused) refused by "
                + "the token, \(world.raced) changes of hands amid a write")
    }
}
