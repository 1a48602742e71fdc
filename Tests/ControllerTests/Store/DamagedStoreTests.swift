import AgentProtocol
import Effects
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("A damaged SQLite file")
struct DamagedStoreTests {
    /// A record of some entries, reports and a document, in a folder of its own.
    private struct Sample {
        let folder = try! TemporaryFolder()
        var path: String { folder.path + "/events.sqlite" }

        /// What is read of it: everything, or nothing.
        struct Content: Equatable {
            var names: [String] = []
            var reports: [Int64] = []
            var document: [UInt8]?
        }

        func fill(_ count: Int = 40) throws -> SQLiteStore {
            let store = try SQLiteStore(path: path)
            for number in 1...count { try add(number, to: store) }
            return store
        }

        func add(_ number: Int, to store: SQLiteStore) throws {
            let change = StoreChange(
                events: [StoreSamples.person("p\(number)")], reports: [try StoreSamples.report(Int64(number))],
                documents: ["d": Array(repeating: UInt8(number % 256), count: 300)])
            _ = try store.append(change, expecting: store.sequence, at: StoreSamples.now)
        }

        func read() throws -> Content {
            let store = try SQLiteStore(path: path)
            defer { store.close() }
            var content = Content()
            try store.replay(
                event: { if case .personAdded(let it) = $0.event { content.names.append(it.name) } },
                report: { content.reports.append($0.report.sequence) })
            content.document = try store.document("d")
            // As the controller at its start.
            if content.document == nil, !content.names.isEmpty {
                throw ControllerError.store("document", "\(path) holds no document", remedy: SQLiteStore.wayBack)
            }
            return content
        }

        /// As SIGKILL leaves it: with its write-ahead log.
        func copyOfOpen() throws -> Sample {
            let copy = Sample()
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                try FileManager.default.copyItem(
                    atPath: folder.path + "/" + name, toPath: copy.folder.path + "/" + name)
            }
            return copy
        }

        func bytes(_ suffix: String = "") throws -> [UInt8] {
            Array(try Data(contentsOf: URL(fileURLWithPath: path + suffix)))
        }
        func write(_ bytes: [UInt8], _ suffix: String = "") throws {
            try Data(bytes).write(to: URL(fileURLWithPath: path + suffix))
        }
        func remove(_ suffix: String) throws { try FileManager.default.removeItem(atPath: path + suffix) }
    }

    private static let isWhole = ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"] != nil

    /// Sound and whole, or refused in words that say what is wrong, where, and what to do: never something else.
    private func expectWords(_ sample: Sample, _ whole: Sample.Content, _ what: String) -> Bool {
        do {
            let content = try sample.read()
            #expect(content.names == whole.names, "\(what): another record was read")
            #expect(content.reports == whole.reports, "\(what): other reports were read")
            #expect(content.document == whole.document, "\(what): another document was read")
            return false
        } catch let error as ControllerError {
            #expect(error.code.hasPrefix("controller.store."), "\(what): \(error)")
            #expect(error.summary.contains(sample.path) || error.summary.contains("entry"), "\(what): \(error)")
            let isNewer = error.code == "controller.store.newer"
            #expect(error.remedy.contains("slipway-controller restore") || isNewer, "\(what): \(error)")
            return true
        } catch {
            Issue.record("\(what): \(error)")
            return true
        }
    }

    @Test("Whatever bits are flipped, the whole record is read or it says what is damaged and the command that helps")
    func flipped() throws {
        let sample = Sample()
        try sample.fill().close()
        let (sound, whole) = (try sample.bytes(), try sample.read())
        #expect(whole.names.count == 40 && whole.reports.count == 40)
        let random = SeededRandom(seed: 11)
        func number(below end: Int) -> Int { Int(random.bytes(4).reduce(0) { $0 << 8 | UInt32($1) } % UInt32(end)) }
        var refused = 0
        for round in 0..<(Self.isWhole ? 4000 : 300) {
            var bytes = sound
            let place = number(below: bytes.count)
            switch round % 3 {
            case 0: bytes[place] ^= 1 << UInt8(number(below: 8))
            case 1: for at in place..<min(bytes.count, place + 512) { bytes[at] = 0 }
            default: for at in place..<min(bytes.count, place + 16) { bytes[at] = UInt8(number(below: 256)) }
            }
            try sample.write(bytes)
            for suffix in ["-wal", "-shm"] { try? sample.remove(suffix) }
            if expectWords(sample, whole, "round \(round), byte \(place) of \(bytes.count)") { refused += 1 }
        }
        #expect(refused > (Self.isWhole ? 1000 : 75), "\(refused)")
    }

    @Test(
        "Cut anywhere, emptied or gone, it is refused with the place, how far it had come, and the command that helps")
    func truncated() throws {
        let sample = Sample()
        try sample.fill().close()
        let (sound, whole) = (try sample.bytes(), try sample.read())
        let step = Self.isWhole ? 512 : 4096
        for size in stride(from: 0, to: sound.count, by: step) + [1, 99, sound.count - 1] {
            try sample.write(Array(sound.prefix(size)))
            for suffix in ["-wal", "-shm"] { try? sample.remove(suffix) }
            #expect(expectWords(sample, whole, "cut to \(size) of \(sound.count)"), "cut to \(size)")
        }
        try sample.remove("")
        let error = #expect(throws: ControllerError.self) { _ = try sample.read() }
        #expect(error?.code == "controller.store.behind")
        #expect(error?.summary.contains("entry 40") == true)
        // Nothing was made in its place.
        #expect(!FileManager.default.fileExists(atPath: sample.path))
    }

    @Test(
        "A write-ahead log that was removed, cut or changed is noticed; with it, a killed controller's record is whole")
    func writeAheadLog() throws {
        let sample = Sample()
        let open = try sample.fill()
        let killed = try sample.copyOfOpen()
        let log = try killed.bytes("-wal")
        try #require(log.count > 8192)
        let whole = try sample.copyOfOpen().read()
        #expect(whole.names.count == 40)
        func attempt(_ what: String, _ change: (Sample) throws -> Void) throws {
            let copy = try sample.copyOfOpen()
            try change(copy)
            let error = #expect(throws: ControllerError.self, "\(what)") { _ = try copy.read() }
            #expect(
                ["controller.store.behind", "controller.store.corrupt"].contains(error?.code),
                "\(what): \(error as Any)")
            #expect(error?.remedy.contains("slipway-controller restore") == true)
            // What was never changed by looking can still be mended: the file is put back.
            for suffix in ["", "-wal", "-end"] { try copy.write(try killed.bytes(suffix), suffix) }
            try? copy.remove("-shm")
            #expect(try copy.read() == whole, "\(what)")
        }
        try attempt("removed") { try $0.remove("-wal") }
        for part in [1, 2, 3] {
            try attempt("cut to \(part)/4") { try $0.write(Array(log.prefix(log.count * part / 4)), "-wal") }
        }
        try attempt("changed") { copy in
            var bytes = log
            bytes[log.count / 2] ^= 1
            try copy.write(bytes, "-wal")
        }
        open.close()
    }

    @Test("An old copy in the place of the file is noticed")
    func oldCopy() throws {
        let sample = Sample()
        try sample.fill(20).close()
        let old = try sample.bytes()
        let store = try SQLiteStore(path: sample.path)
        try store.replay(event: { _ in }, report: { _ in })
        for number in 21...30 { try sample.add(number, to: store) }
        store.close()
        try sample.write(old)
        for suffix in ["-wal", "-shm"] { try? sample.remove(suffix) }
        let error = #expect(throws: ControllerError.self) { _ = try sample.read() }
        #expect(error?.code == "controller.store.behind")
        #expect(error?.summary.contains("entry 20") == true && error?.summary.contains("entry 30") == true)
    }

    @Test("What cannot be written beside the file, or is no place there, holds nothing up")
    func withoutEnd() throws {
        let sample = Sample()
        try sample.fill(5).close()
        for text in ["", "nonsense\n", "5 5", "9 9 9\n"] {
            try sample.write(Array(text.utf8), StoreEnd.suffix)
            #expect(try sample.read().names.count == 5)
        }
        try sample.remove(StoreEnd.suffix)
        #expect(try sample.read().names.count == 5)
    }
}
