import Effects
import FoundationEssentials
import ReleaseDefinition
import Synchronization

/// How far a SQLite file has come, in a small file beside it. SQLite takes a file whose write-ahead log was removed, or an old
/// copy, for whole; what it had confirmed since would be lost without a word.
///
/// Written after each commit and not flushed: a process that is killed leaves what it wrote, a power cut may leave less than the
/// database has, never more. What cannot be written or read is as if it were not there.
final class StoreEnd: Sendable {
    struct Place: Sendable, Equatable {
        var sequence: Int64 = 0
        var arrival: Int64 = 0

        func reaches(_ other: Place) -> Bool { sequence >= other.sequence && arrival >= other.arrival }
    }

    static let suffix = "-end"
    private static let width = 20

    private let file: OpenFile?
    private let place = Mutex(Place())
    /// As the process before this one left it.
    let noted: Place?
    /// Whether there is a database at all.
    let isThere: Bool

    init(beside path: String) {
        let (folder, database) = Directory.split(path)
        let name = database + Self.suffix
        guard let directory = try? Directory.open(folder) else {
            (file, noted, isThere) = (nil, nil, false)
            return
        }
        isThere = (try? directory.status(database)).flatMap { $0 }.map { $0.size > ByteCount(0) } ?? false
        noted = (try? directory.readIfPresent(name, sizeMax: ByteCount(100))).flatMap { $0 }.flatMap(Self.place)
        file = (try? directory.updateFile(name)) ?? (try? directory.createFile(name, mode: 0o600))
    }

    /// Who only reads writes nothing.
    func begin(at found: Place) { place.withLock { $0 = found } }

    func raise(to new: Place) {
        place.withLock { place in
            place = Place(sequence: max(place.sequence, new.sequence), arrival: max(place.arrival, new.arrival))
            write(place)
        }
    }

    private func write(_ place: Place) {
        let words = [place.sequence, place.arrival].map { number in
            let digits = String(number)
            return String(repeating: " ", count: max(0, Self.width - digits.count)) + digits
        }
        try? file?.write(Array((words.joined(separator: " ") + "\n").utf8), at: 0)
    }

    /// Two numbers and the end of the line; nil: something else, or cut.
    private static func place(_ bytes: [UInt8]) -> Place? {
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let numbers = String(decoding: bytes.dropLast(), as: UTF8.self).split(separator: " ").compactMap { Int64($0) }
        return numbers.count == 2 ? Place(sequence: numbers[0], arrival: numbers[1]) : nil
    }
}
