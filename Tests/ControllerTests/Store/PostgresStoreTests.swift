import Effects
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The store in PostgreSQL", .enabled(if: TestPostgres.isInstalled))
struct PostgresStoreTests {
    private let now = StoreSamples.now
    private let address: String

    init() throws { address = try TestPostgres.newDatabase() }

    private func open() throws -> PostgresStore { try PostgresStore(address: address) }

    private func append(
        _ name: String, _ store: PostgresStore, reports: [StoredReport] = [], under lease: Lease? = nil
    ) throws {
        let change = StoreChange(events: [StoreSamples.person(name)], reports: reports)
        _ = try store.append(change, expecting: store.sequence, at: now, under: lease)
    }

    @Test("Of two that decide on the same state one is told to decide again, and reads what the other wrote")
    func twoWriters() throws {
        let (one, other) = (try open(), try open())
        try append("a", one, reports: [StoreSamples.report(1)])
        #expect(throws: ControllerError.self) { try append("b", other) }
        var (names, reports) = ([String](), 0)
        _ = try other.readOn(
            event: { if case .personAdded(let it) = $0.event { names.append(it.name) } }, report: { _ in reports += 1 })
        #expect(names == ["a"] && reports == 1)
        #expect(other.head == one.head)
        try append("b", other)
        #expect(try StoreSamples.names(one) == ["a", "b"])
    }

    @Test("Reports and documents of another between two own writes are not lost")
    func between() throws {
        let (one, other) = (try open(), try open())
        _ = try other.append(
            StoreChange(reports: [StoreSamples.report(1)], documents: ["d": [1]]), expecting: 0, at: now)
        let late = StoreChange(documents: ["d": [2]])
        let error = #expect(throws: ControllerError.self) { _ = try one.append(late, expecting: 0, at: now) }
        #expect(error?.code == "controller.store.conflict")
        try append("a", one, reports: [StoreSamples.report(2)])
        var sequences: [Int64] = []
        let isOther = try one.readOn(event: { _ in }, report: { sequences.append($0.report.sequence) })
        #expect(isOther && sequences.contains(1))
        _ = try one.append(late, expecting: 1, at: now)
        #expect(try other.document("d") == [2])
    }

    @Test("Twenty writers at once leave one chain with every entry once")
    func manyWriters() async throws {
        _ = try open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<20 {
                group.addTask {
                    let store = try open()
                    for number in 0..<10 {
                        while true {
                            _ = try store.readOn(event: { _ in }, report: { _ in })
                            do {
                                try append(
                                    "w\(writer)-\(number)", store,
                                    reports: [StoreSamples.report(Int64(number + 1), "h\(writer)")])
                                break
                            } catch let error as ControllerError where error.code == "controller.store.conflict" {}
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let store = try open()
        let names = try StoreSamples.names(store)
        #expect(names.count == 200 && Set(names).count == 200)
        #expect(try store.verifiedHead().sequence == 200)
    }

    @Test(
        "R48 A lease has one holder; its end lets another in with a higher token, and the old one writes nothing more")
    func fencing() throws {
        let (one, other) = (try open(), try open())
        let first = try #require(try one.acquire("lead", by: "one", for: .minutes(5)))
        #expect(try other.acquire("lead", by: "other", for: .minutes(5)) == nil)
        // Short from here on only: a busy machine may take longer than that to ask.
        #expect(try one.acquire("lead", by: "one", for: .milliseconds(300)) == first)
        try append("a", one, under: first)
        var second: Lease?
        while second == nil { second = try other.acquire("lead", by: "other", for: .minutes(5)) }
        #expect(second?.token == first.token + 1)
        // It wakes up, reads everything there is, and still may not.
        _ = try one.readOn(event: { _ in }, report: { _ in })
        for change in [
            StoreChange(events: [StoreSamples.person("x")]), StoreChange(reports: [try StoreSamples.report(1)]),
            StoreChange(documents: ["d": [1]]),
        ] {
            let error = #expect(throws: ControllerError.self) {
                _ = try one.append(change, expecting: 1, at: now, under: first)
            }
            #expect(error?.code == "controller.store.fenced")
        }
        #expect(throws: ControllerError.self) { try one.check(first) }
        #expect(try one.acquire("lead", by: "one", for: .seconds(1)) == nil)
        _ = try other.readOn(event: { _ in }, report: { _ in })
        try append("b", other, under: second)
        try other.release(#require(second))
        #expect(try one.acquire("lead", by: "one", for: .seconds(1))?.token == first.token + 2)
        #expect(try StoreSamples.names(one) == ["a", "b"])
    }

    @Test("R39 A back end that was killed is replaced with the next call; what was written stands once")
    func killedBackEnds() throws {
        let store = try open()
        try append("a", store)
        let killer = try PostgresConnection(address)
        for name in ["b", "c", "d"] {
            try killer.run(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """)
            // One call may find out; none is done twice.
            do { try append(name, store) } catch let error as ControllerError {
                #expect(error.code == "controller.store.away")
                try append(name, store)
            }
        }
        #expect(try StoreSamples.names(store) == ["a", "b", "c", "d"])
    }

    @Test("R39 A database that hangs is away within seconds; what it was doing then is found done, or is done again")
    func hanging() throws {
        let store = try open()
        try append("a", store)
        let locker = try PostgresConnection(address)
        try locker.run("BEGIN")
        try locker.run("SELECT 1 FROM head FOR UPDATE")
        let started = ContinuousClock.now
        let error = #expect(throws: ControllerError.self) { try append("b", store) }
        #expect(error?.code == "controller.store.away")
        #expect(error?.retryAfter == .seconds(5))
        #expect(ContinuousClock.now - started < .seconds(45))
        try locker.run("ROLLBACK")
        // The statement that nobody waited for goes on by itself.
        var names: [String] = []
        while names.count < 2 {
            do {
                names = try StoreSamples.names(store)
                if names.count < 2 { try append("b", store) }
            } catch let error as ControllerError {
                #expect(["controller.store.away", "controller.store.conflict"].contains(error.code))
            }
        }
        #expect(names == ["a", "b"])
        let fresh = try open()
        #expect(try StoreSamples.names(fresh) == ["a", "b"])
        #expect(try fresh.verifiedHead().sequence == 2)
    }

    @Test(
        "R39: cut at each statement, before it or after it, an append is there once",
        arguments: PostgresProxy.Cut.allCases)
    func cutAtEach(_ cut: PostgresProxy.Cut) async throws {
        try open().close()
        let parts = address.split(separator: " ")
        let folder = String(try #require(parts.first { $0.hasPrefix("host=") }).dropFirst(5))
        var number = 0
        while true {
            number += 1
            let proxy = try PostgresProxy(target: folder, cut: cut, at: number)
            let through = parts.map { $0.hasPrefix("host=") ? "host=\(proxy.host)" : String($0) }.joined(separator: " ")
            let host = "h\(number)\(cut == .before ? "b" : "a")"
            try await appendAll(through, host)
            let isReached = proxy.count >= number
            proxy.end()
            var (names, reports) = ([String](), [Int64]())
            let fresh = try open()
            try fresh.replay(
                event: {
                    if case .personAdded(let it) = $0.event, it.name.hasPrefix(host + "-") { names.append(it.name) }
                },
                report: { if $0.host.text == host { reports.append($0.report.sequence) } })
            #expect(
                names == (1...4).map { "\(host)-\($0)" } && reports == [1, 2, 3, 4], "\(number): \(names), \(reports)")
            _ = try fresh.verifiedHead()
            if !isReached { break }
        }
        // Each statement of the appends, and what is said to come to them.
        #expect(number > 6, "\(number)")
    }

    /// As the controller does: what is not confirmed is decided again on what there is then.
    private func appendAll(_ address: String, _ host: String) async throws {
        var store: PostgresStore?
        var known: Set<String> = []
        for number in 1...4 {
            let name = "\(host)-\(number)"
            try await eventually {
                do {
                    let opened = try store ?? PostgresStore(address: address)
                    store = opened
                    _ = try opened.readOn(
                        event: { if case .personAdded(let it) = $0.event { known.insert(it.name) } }, report: { _ in })
                    if !known.contains(name) {
                        try append(name, opened, reports: [StoreSamples.report(Int64(number), host)])
                    }
                    return true
                } catch let error as ControllerError {
                    #expect(["controller.store.away", "controller.store.conflict"].contains(error.code), "\(error)")
                    return false
                }
            }
        }
    }

    @Test("Who listens is told of every write")
    func notifications() throws {
        let store = try open()
        let listener = try PostgresConnection(address)
        try listener.run("LISTEN slipway")
        #expect(try !listener.waitForNotification(.milliseconds(1)))
        try append("a", store)
        #expect(try listener.waitForNotification(.seconds(45)))
    }

    @Test("A password in the address is never shown")
    func secret() throws {
        let error = #expect(throws: ControllerError.self) {
            _ = try PostgresStore(address: "postgresql://slipway:hunter2@127.0.0.1:1/x")
        }
        #expect(error?.code == "controller.store.away")
        #expect(error.map { "\($0)".contains("hunter2") } == false)
    }
}
