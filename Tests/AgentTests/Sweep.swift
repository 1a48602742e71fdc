import Glibc

/// How much of a sweep is run.
enum Sweep {
    /// scripts/faults: all of it where this is 1, each tenth point where it is 10. Nil: a sample.
    static let share: Int? = getenv("SLIPWAY_FAULTS").map { max(1, Int(String(cString: $0)) ?? 1) }

    /// scripts/faults: of the sweep over several scenarios only this one.
    static let scenario: String? = getenv("SLIPWAY_FAULTS_SCENARIO").map { String(cString: $0) }

    static var isWhole: Bool { share != nil }

    static func amount(_ whole: Int, sample: Int) -> Int { share.map { max(1, whole / $0) } ?? sample }

    /// How many hosts go through it at once: most of their time they wait for a check, a pause or a disk.
    static func width(sample: Int) -> Int { isWhole ? 4 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) : sample }

    /// Calls of one place that are hit where all are: the first, the last, and what lies evenly between.
    static let callsOfPlace = 4

    /// The numbers, from 1, of the calls that are hit.
    static func calls(_ places: [String], sample: Int) -> [Int] {
        guard let share else {
            return Array(stride(from: 1, through: places.count, by: max(1, places.count / sample)))
        }
        var numbers: [String: [Int]] = [:]
        for (position, place) in places.enumerated() { numbers[place, default: []].append(position + 1) }
        let chosen = numbers.values.flatMap { evenly($0, callsOfPlace) }.sorted()
        return stride(from: 0, to: chosen.count, by: share).map { chosen[$0] }
    }

    private static func evenly(_ numbers: [Int], _ count: Int) -> [Int] {
        guard numbers.count > count else { return numbers }
        return (0..<count).map { numbers[$0 * (numbers.count - 1) / (count - 1)] }
    }

    /// `change /etc/motd` for each line of the shim, without what differs from run to run.
    /// - Parameter folders: paths by what stands for them.
    static func places(_ bytes: [UInt8], _ folders: [(path: String, name: String)]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
            var text = line.split(separator: " ", maxSplits: 1).dropFirst().joined()
            for folder in folders { text = text.replacing(folder.path, with: folder.name) }
            return normalised(text)
        }
    }

    /// Digests, random names and the numbers of processes are all the same place.
    private static func normalised(_ text: String) -> String {
        var result = ""
        var run = ""
        for character in text + "/" {
            if character.isHexDigit {
                run.append(character)
                continue
            }
            let isNumber = run.allSatisfy(\.isNumber) && (run.count >= 3 || !run.isEmpty && result.hasSuffix("/proc/"))
            result += run.count >= 8 || isNumber ? "#" : run
            run = ""
            result.append(character)
        }
        return String(result.dropLast())
    }
}

/// What came of one point.
struct SweepHit: Sendable {
    var isKilled: Bool
    /// Where it was in fact: calls do not come in the same number in each run. Nil: the run ended before it.
    var place: String?
    /// Of children, which count on by themselves and came to the same number.
    var others: [String] = []
}

/// What the points of a sweep were, as it is printed.
struct SweepCoverage {
    private let name: String
    private let places: [String]
    private let known: Set<String>
    private(set) var hits: [SweepHit] = []

    init(_ name: String, places: [String]) {
        (self.name, self.places) = (name, places)
        known = Set(places)
    }

    mutating func add(_ hits: [SweepHit]) { self.hits += hits }

    var missed: Set<String> { known.subtracting(hits.compactMap(\.place)).subtracting(hits.flatMap(\.others)) }

    var description: String {
        let killed = hits.count { $0.place != nil }
        let more =
            missed.isEmpty || Sweep.share != 1 ? "" : "; not \(missed.sorted().prefix(5).joined(separator: ", "))"
        return "faults: \(name): \(killed) of \(hits.count) points at \(places.count) calls, "
            + "\(known.count - missed.count) of \(known.count) places\(more)"
    }
}

/// Each item, as many at once as `width`.
/// - Returns: what came of them, in the order in which they ended.
@discardableResult
func inParallel<Item: Sendable, Result: Sendable>(
    _ items: [Item], width: Int, _ body: @escaping @Sendable (Item) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: Result.self) { group in
        var results: [Result] = []
        for (position, item) in items.enumerated() {
            if position >= width, let result = try await group.next() { results.append(result) }
            group.addTask { try await body(item) }
        }
        for try await result in group { results.append(result) }
        return results
    }
}
