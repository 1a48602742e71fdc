import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("The journal")
struct JournalTests {
    private func entries() throws -> [JournalEntry] {
        let task = try task()
        let events: [InstallationEvent] = [
            .verified(changes: [try change("api")]), .preflight, .staged, .stopping(unit: 0), .switched(unit: 0),
            .backingOut(failure: failure(), unit: 0, wasSwitched: true), .backOutStep(.switching(unit: 0)),
            .ended(outcome: .backedOut(.health), failure: failure()),
            .ended(
                outcome: .backOutFailed, failure: failure(),
                shown: ShownLinks(release: task.to, words: "api shows 1.4")),
        ]
        return [JournalEntry(at: start, changes: [.received(task: task, counter: 7)])]
            + events.map { JournalEntry(at: start, changes: [.installation(event: $0)]) }
    }

    private func written(in folder: TemporaryFolder) throws -> [UInt8] {
        let (journal, found) = try Journal.open(in: folder.directory)
        #expect(found.isEmpty)
        for entry in try entries() { try journal.append(entry) }
        return try folder.directory.read("journal", sizeMax: ByteCount(1 << 20))
    }

    @Test("What was written is read back, and goes on")
    func roundTrip() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        _ = try written(in: folder)
        let (journal, found) = try Journal.open(in: folder.directory)
        #expect(found == (try entries()))
        #expect(journal.damage == .none)
        try journal.append(JournalEntry(at: start, changes: [.acknowledged(sequence: 3)]))
        #expect(try Journal.open(in: folder.directory).1.count == found.count + 1)
    }

    @Test("Torn at every byte, the whole lines are kept, the rest is dropped and writing goes on")
    func tornAtEveryByte() throws {
        let whole = try written(in: try TemporaryFolder(in: "/dev/shm"))
        let all = try entries()
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        let folder = try TemporaryFolder(in: "/dev/shm")
        for length in 0...whole.count {
            try folder.directory.writeDurably("journal", whole.prefix(length))
            let (journal, found) = try Journal.open(in: folder.directory)
            let count = ends.count { $0 <= length }
            #expect(found == Array(all.prefix(count)), "torn at \(length)")
            let tail = length - (ends.last { $0 <= length } ?? 0)
            #expect(journal.damage == (tail > 0 ? .tornTail(ByteCount(tail)) : .none), "torn at \(length)")
            try journal.append(JournalEntry(at: start, changes: [.acknowledged(sequence: 1)]))
            #expect(try Journal.open(in: folder.directory).1.count == count + 1)
        }
    }

    @Test("R37: any changed byte is seen; a gap in the history moves the file aside and keeps what is whole")
    func flippedBytes() throws {
        let whole = try written(in: try TemporaryFolder(in: "/dev/shm"))
        let all = try entries()
        let lastStart = (whole.dropLast().lastIndex(of: UInt8(ascii: "\n")) ?? 0) + 1
        for position in stride(from: 0, to: whole.count, by: 7) {
            let folder = try TemporaryFolder(in: "/dev/shm")
            var bytes = whole
            bytes[position] ^= 0x41
            try folder.directory.writeDurably("journal", bytes)
            let (journal, found) = try Journal.open(in: folder.directory)
            #expect(found.count < all.count, "changed at \(position)")
            #expect(found.allSatisfy(all.contains))
            if position < lastStart {
                #expect(journal.damage == .quarantined(as: "journal.damaged-1"), "changed at \(position)")
                #expect(try folder.directory.read("journal.damaged-1", sizeMax: ByteCount(1 << 20)) == bytes)
            }
            try journal.append(JournalEntry(at: start, changes: [.acknowledged(sequence: 1)]))
        }
    }

    @Test(
        "R10: garbage in the journal's place is moved aside and the agent goes on",
        arguments: ["", "\n", "{\"at\":\"2026", "not a journal\nat all\n", "\u{0}\u{0}\u{0}\n"])
    func garbage(text: String) throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        try folder.directory.writeDurably("journal", Array(text.utf8))
        let (journal, found) = try Journal.open(in: folder.directory)
        #expect(found.isEmpty)
        try journal.append(JournalEntry(at: start, changes: []))
        #expect(try Journal.open(in: folder.directory).1.count == 1)
    }

    @Test("R10: a folder or a link in the journal's place is moved aside")
    func wrongKind() throws {
        for isLink in [false, true] {
            let folder = try TemporaryFolder(in: "/dev/shm")
            if isLink {
                try folder.directory.createSymlink("journal", to: "/etc/passwd")
            } else {
                _ = try folder.directory.createDirectory("journal")
            }
            let (journal, _) = try Journal.open(in: folder.directory)
            try journal.append(JournalEntry(at: start, changes: []))
            #expect(try folder.directory.status("journal")?.kind == .file)
            #expect(try folder.directory.status("journal.damaged-1") != nil)
        }
    }

    @Test("R40: a long journal becomes one line that says the same")
    func checkpoint() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let (journal, _) = try Journal.open(in: folder.directory)
        var state = HostState()
        for entry in try entries() {
            try journal.append(entry)
            state.apply(entry)
        }
        let checkpoint = try #require(state.checkpoint)
        try journal.rewrite(as: JournalEntry(at: start, changes: [.checkpoint(checkpoint: checkpoint)]))
        try journal.append(JournalEntry(at: start, changes: [.unlocked(product: try ProductName("payments"))]))
        let (again, found) = try Journal.open(in: folder.directory)
        #expect(again.damage == .none)
        #expect(found.count == 2)
        var read = HostState()
        for entry in found { read.apply(entry) }
        #expect(read == state)
    }
}
