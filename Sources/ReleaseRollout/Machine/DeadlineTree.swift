import ReleaseDefinition

/// The earliest of many deadlines, one for each host: a tree of minima, sixteen to a knot. A change costs a few knots,
/// whatever the number of hosts.
struct DeadlineTree: Sendable, Equatable {
    private static let none = Int64.max
    private static let fan = 16

    /// Level 0 has one number for each host, each level above one for sixteen of those below.
    private var levels: [ContiguousArray<Int64>]

    init(_ deadlines: some Sequence<UTCInstant?>) {
        levels = [ContiguousArray(deadlines.map { $0?.millisecondsSince1970 ?? Self.none })]
        while levels[levels.count - 1].count > 1 {
            let below = levels[levels.count - 1]
            levels.append(
                ContiguousArray(
                    stride(from: 0, to: below.count, by: Self.fan).map { Self.least(of: below, from: $0) }))
        }
    }

    var earliest: UTCInstant? {
        guard let root = levels.last?.first, root != Self.none else { return nil }
        return UTCInstant(millisecondsSince1970: root)
    }

    mutating func set(_ place: Int, _ deadline: UTCInstant?) {
        var value = deadline?.millisecondsSince1970 ?? Self.none
        var index = place
        for level in levels.indices {
            guard levels[level][index] != value else { return }
            levels[level][index] = value
            index /= Self.fan
            value = Self.least(of: levels[level], from: index * Self.fan)
        }
    }

    /// The places whose deadline is not after that moment, in order.
    func due(at now: UTCInstant) -> [Int] {
        var places = 0..<1
        guard let root = levels.last?.first, root <= now.millisecondsSince1970 else { return [] }
        var found = Array(places)
        for level in levels.dropLast().reversed() {
            found = found.flatMap { knot in
                places = knot * Self.fan..<min((knot + 1) * Self.fan, level.count)
                return places.filter { level[$0] <= now.millisecondsSince1970 }
            }
        }
        return found
    }

    private static func least(of level: ContiguousArray<Int64>, from first: Int) -> Int64 {
        var least = none
        for index in first..<min(first + fan, level.count) where level[index] < least { least = level[index] }
        return least
    }
}
