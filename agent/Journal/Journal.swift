import Effects
import ReleaseDefinition

/// The host's memory: an append-only file of checksummed lines, each on the disk before `append` returns.
///
/// A write that was cut short by a crash is dropped at the next start. Anything else that is wrong with the file is
/// never silently skipped: the file is moved aside and `damage` says so.
final class Journal {
    enum Damage: Sendable, Equatable {
        case none
        /// The last write was cut short.
        case tornTail(ByteCount)
        /// The file was not ours or had a gap; it was kept under this name and `entries` holds what could be read.
        case quarantined(as: String)
    }

    static let fileName = "journal"
    static let sizeMax = ByteCount(64 << 20)
    /// Longer journals are rewritten as one checkpoint as soon as nothing is in progress.
    static let checkpointSize = ByteCount(1 << 20)
    private static let ballastName = "journal.ballast"
    private static let ballastSize = 256 << 10

    let damage: Damage
    private let folder: Directory
    private var file: OpenFile
    private var length: ByteCount
    private var nextNumber: Int64
    private var faultPoint = JournalFaultPoint()

    /// Opens or makes the journal of a folder.
    /// - Returns: the journal and every entry that can be read, in order.
    static func open(in folder: Directory) throws -> (Journal, [JournalEntry]) {
        try clearWay(in: folder)
        let bytes: [UInt8]
        do {
            bytes = try folder.readIfPresent(fileName, sizeMax: sizeMax) ?? []
        } catch let error as EffectsError where error.code == "effects.file.tooLarge" {
            let name = try quarantine(in: folder)
            let journal = try Journal(
                folder: folder, damage: .quarantined(as: name), length: ByteCount(0), nextNumber: 1)
            return (journal, [])
        }
        let reading = JournalReading(bytes)
        let entries = reading.lines.map(\.entry)
        let lastNumber = reading.lines.map(\.number).max() ?? 0
        guard !reading.hasGap, lastNumber < Int64.max else {
            let name = try quarantine(in: folder)
            let journal = try Journal(
                folder: folder, damage: .quarantined(as: name), length: ByteCount(0), nextNumber: 1)
            return (journal, entries)
        }
        let damage: Damage = reading.tailLength > 0 ? .tornTail(ByteCount(reading.tailLength)) : .none
        let journal = try Journal(
            folder: folder, damage: damage, length: ByteCount(reading.validLength), nextNumber: lastNumber + 1)
        return (journal, entries)
    }

    private init(folder: Directory, damage: Damage, length: ByteCount, nextNumber: Int64) throws {
        self.folder = folder
        self.damage = damage
        self.length = length
        self.nextNumber = nextNumber
        file = try folder.appendFile(Self.fileName)
        if damage != .none { try file.truncate(to: length) }
        try file.sync()
        // The first line was written after this had returned: who finds a line finds the name on the disk.
        if length.value == 0 || damage != .none { try folder.sync() }
        restoreBallast()
    }

    /// A folder or link in the file's place is moved aside like any other garbage (R10).
    private static func clearWay(in folder: Directory) throws {
        for name in [fileName, ballastName] {
            guard let status = try folder.status(name), status.kind != .file else { continue }
            if name == fileName { _ = try quarantine(in: folder) } else { try folder.removeTree(name) }
        }
    }

    private static func quarantine(in folder: Directory) throws -> String {
        for number in 1...9999 {
            let name = "\(fileName).damaged-\(number)"
            if try folder.status(name) == nil {
                try folder.rename(fileName, to: name)
                return name
            }
        }
        // Nobody looks at ten thousand of them: the last place is used again.
        try folder.removeTree("\(fileName).damaged-9999")
        try folder.rename(fileName, to: "\(fileName).damaged-9999")
        return "\(fileName).damaged-9999"
    }

    /// On the disk when it returns; if it throws, the journal is as it was before.
    func append(_ entry: JournalEntry) throws {
        let bytes = try JournalLine(number: nextNumber, entry: entry).bytes()
        faultPoint.reach(.before) {}
        faultPoint.reach(.torn) { try? self.file.write(bytes.prefix(bytes.count / 2)) }
        do {
            try write(bytes)
        } catch let error as EffectsError where error.code == "effects.file.noSpace" {
            // A full disk must not keep us from recording that it is full.
            try folder.removeFile(Self.ballastName)
            try write(bytes)
        }
        length = ByteCount(length.value + Int64(bytes.count))
        nextNumber += 1
        faultPoint.reach(.after) {}
    }

    private func write(_ bytes: [UInt8]) throws {
        do {
            try file.write(bytes)
            try file.sync()
        } catch {
            try? file.truncate(to: length)
            throw error
        }
    }

    var isLong: Bool { length > Self.checkpointSize }

    /// Replaces everything so far by one entry, in one step.
    func rewrite(as entry: JournalEntry) throws {
        let bytes = try JournalLine(number: nextNumber, entry: entry).bytes()
        try folder.writeDurably(Self.fileName, bytes, mode: 0o600)
        file = try folder.appendFile(Self.fileName)
        length = ByteCount(bytes.count)
        nextNumber += 1
        restoreBallast()
    }

    /// Space that is given back when the disk is full. Without it everything works but that.
    func restoreBallast() {
        if let status = try? folder.status(Self.ballastName), status.size.value >= Int64(Self.ballastSize) { return }
        do {
            try folder.removeFile(Self.ballastName)
            let ballast = try folder.createFile(Self.ballastName, mode: 0o600)
            try ballast.write([UInt8](repeating: 0x20, count: Self.ballastSize))
        } catch {
            try? folder.removeFile(Self.ballastName)
        }
    }
}
