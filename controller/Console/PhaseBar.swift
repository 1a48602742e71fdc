import ReleaseDefinition

/// All hosts in one bar, phase by phase, each phase cut by outcome. In units of an SVG view box 1000 wide.
struct PhaseBar {
    private static let width = 1000.0
    private static let gap = 4.0
    private static let order: [HostMark.Kind] = [
        .succeeded, .moving, .backedOut, .failed, .offline, .apart, .waiting,
    ]

    let phases: [[HostMark]]

    init(_ phases: [[HostMark]]) { self.phases = phases.filter { !$0.isEmpty } }

    var model: [[String: Any]] {
        let total = phases.reduce(0) { $0 + $1.count }
        guard total > 0 else { return [] }
        let usable = max(0, Self.width - Self.gap * Double(phases.count - 1))
        var x = 0.0
        var rectangles: [[String: Any]] = []
        for phase in phases {
            for kind in Self.order {
                let count = phase.count { $0.kind == kind }
                guard count > 0 else { continue }
                let width = usable * Double(count) / Double(total)
                rectangles.append(["x": Self.text(x), "width": Self.text(width), "tone": kind.rawValue])
                x += width
            }
            x += Self.gap
        }
        return rectangles
    }

    /// Two decimals, without a locale.
    static func text(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

/// A square for each of thousands of hosts, in a few dozen bytes: hosts of one outcome fill rectangles with a pattern of
/// squares, line after line. In units of an SVG view box 990 wide.
struct SquareBlocks {
    private static let pitch = 9
    private static let columns = 110

    let id: String
    private let counts: [(kind: HostMark.Kind, count: Int)]

    init(_ kinds: [HostMark.Kind], id: String) {
        self.id = id
        var tally: [HostMark.Kind: Int] = [:]
        for kind in kinds { tally[kind, default: 0] += 1 }
        counts = HostMark.Kind.allCases.compactMap { kind in tally[kind].map { (kind, $0) } }
    }

    var model: [String: Any] {
        let total = counts.reduce(0) { $0 + $1.count }
        let lines = (total + Self.columns - 1) / Self.columns
        return [
            "hasBlocks": total > 0, "blockWidth": Self.columns * Self.pitch, "blockHeight": max(1, lines) * Self.pitch,
            "blockWords": counts.map { "\($0.count) \($0.kind.rawValue)" }.joined(separator: ", "),
            "patterns": counts.map { ["pattern": "\(id)-\($0.kind.rawValue)", "tone": $0.kind.rawValue] },
            "blocks": rectangles,
        ]
    }

    private var rectangles: [[String: Any]] {
        var all: [[String: Any]] = []
        var place = 0
        for (kind, count) in counts {
            var left = count
            while left > 0 {
                let (line, column) = (place / Self.columns, place % Self.columns)
                // Up to the end of a line that was begun, then whole lines, then what is left.
                let whole = column == 0 ? left / Self.columns : 0
                let width = whole > 0 ? Self.columns : min(left, Self.columns - column)
                all.append([
                    "x": column * Self.pitch, "y": line * Self.pitch, "width": width * Self.pitch,
                    "height": max(1, whole) * Self.pitch, "pattern": "\(id)-\(kind.rawValue)",
                ])
                place += width * max(1, whole)
                left -= width * max(1, whole)
            }
        }
        return all
    }
}
