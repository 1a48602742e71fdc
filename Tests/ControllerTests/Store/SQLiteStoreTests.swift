import Effects
import GRDB
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The store in a SQLite file")
struct SQLiteStoreTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path + "/events.sqlite" }

    init() throws { folder = try TemporaryFolder() }

    @Test("A file that is no database is refused with a clear message")
    func notADatabase() throws {
        let directory = try Directory.open(folder.path)
        try directory.writeDurably("events.sqlite", Array(repeating: 0x41, count: 8192))
        let error = #expect(throws: ControllerError.self) { _ = try SQLiteStore(path: path) }
        #expect(error?.code == "controller.store.corrupt")
        #expect(error?.remedy.contains("backup") == true)
    }

    @Test("A file from before reports and documents had digests is migrated, and all that was in it is read")
    func migrated() throws {
        let change = StoreChange(
            events: [StoreSamples.person("a")], reports: [try StoreSamples.report(1)], documents: ["d": [1, 2]])
        let first = try SQLiteStore(path: path)
        _ = try first.append(change, expecting: 0, at: StoreSamples.now)
        first.close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try database.execute(
                sql: """
                    ALTER TABLE reports DROP COLUMN digest; ALTER TABLE documents DROP COLUMN digest;
                    DELETE FROM grdb_migrations WHERE identifier LIKE '2 %';
                    """)
        }
        try queue.close()
        for reports in 1...2 {
            let store = try SQLiteStore(path: path)
            var read: [Int64] = []
            try store.replay(event: { _ in }, report: { read.append($0.report.sequence) })
            #expect(read == (1...Int64(reports)).map { $0 })
            #expect(try store.document("d") == [1, 2])
            if reports == 1 {
                _ = try store.append(
                    StoreChange(reports: [try StoreSamples.report(2)]), expecting: 1, at: StoreSamples.now)
            }
            store.close()
        }
    }

    @Test(
        "The file, what SQLite makes beside it, and a copy are their owner's alone, and so are those that were there before"
    )
    func modes() throws {
        let directory = try Directory.open(folder.path)
        let names = ["events.sqlite", "events.sqlite-wal", "events.sqlite-shm"]
        func modes() throws -> [UInt16?] { try names.map { try directory.status($0)?.mode } }
        let first = try SQLiteStore(path: path)
        try StoreSamples.add("a", to: first)
        #expect(try modes() == [0o600, 0o600, 0o600])
        // As a killed controller of before left them.
        let killed = try TemporaryFolder()
        let old = try Directory.open(killed.path)
        for name in names {
            try old.writeDurably(name, try directory.read(name, sizeMax: ByteCount(1 << 20)), mode: 0o644)
        }
        let again = try SQLiteStore(path: killed.path + "/events.sqlite")
        #expect(try StoreSamples.names(again) == ["a"])
        #expect(try names.map { try old.status($0)?.mode } == [0o600, 0o600, 0o600])
        _ = try SQLiteStore.copy(path, to: killed.path + "/copy.sqlite")
        #expect(try old.status("copy.sqlite")?.mode == 0o600)
        again.close()
        first.close()
    }

    @Test("A store that was closed says so to whoever comes late, and whoever reads at that moment reads to the end")
    func closed() async throws {
        let store = try SQLiteStore(path: path)
        for count in 0..<50 { try StoreSamples.add("p\(count)", to: store) }
        let readers = (0..<8).map { _ in
            Task.detached {
                while true {
                    do { _ = try store.lines(after: 0, limit: 50) } catch { return (error as? ControllerError)?.code }
                }
            }
        }
        _ = try store.lines(after: 0, limit: 1)
        store.close()
        for reader in readers { #expect(await reader.value == "controller.store.closed") }
        #expect(throws: ControllerError.self) { try store.ping() }
        #expect(throws: ControllerError.self) { try store.document("x") }
        #expect(throws: ControllerError.self) { try StoreSamples.add("late", to: store) }
        // Nothing holds the file any more.
        #expect(try StoreSamples.names(SQLiteStore(path: path)).count == 50)
    }

    @Test("A database with a damaged page is refused with a clear message")
    func damagedPage() throws {
        let store = try SQLiteStore(path: path)
        for count in 0..<200 { try StoreSamples.add("p\(count)", to: store) }
        store.close()
        let file = try Directory.open(folder.path).updateFile("events.sqlite")
        let size = try file.size().value
        try file.write([UInt8](repeating: 0xFF, count: 4096), at: size / 4096 / 2 * 4096)
        let error = #expect(throws: ControllerError.self) {
            let store = try SQLiteStore(path: path)
            _ = try StoreSamples.names(store)
        }
        #expect(error?.code.hasPrefix("controller.store.") == true)
    }
}
