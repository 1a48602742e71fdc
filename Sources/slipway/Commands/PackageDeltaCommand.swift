import ArgumentParser
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging

struct PackageDeltaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delta", abstract: "Say what a host that has one package would fetch for another, each way.",
        discussion: "The patch is made to be measured, and thrown away.")

    @OptionGroup var output: OutputOptions

    @Argument(help: "The package that is installed.")
    var old: String

    @Argument(help: "The package to get to.")
    var new: String

    @Flag(help: "Name every file that was added, changed or removed.")
    var files = false

    func run() async throws {
        let pair = try PackagePair(old, new)
        let units = try await WorkFolder.with { work in
            try pair.new.manifest.units.map { try UnitDelta($0, pair, work, names: files) }
        }
        try output.print(
            DeltaPresentation(from: pair.old.manifest.name, to: pair.new.manifest.name, units: units))
    }
}

/// What one way of fetching costs.
struct WayCost: Codable {
    var bytes: ByteCount
    var members: Int
    var requests: Int

    static func + (left: WayCost, right: WayCost) -> WayCost {
        WayCost(
            bytes: ByteCount(left.bytes.value + right.bytes.value), members: left.members + right.members,
            requests: left.requests + right.requests)
    }
}

/// Files, folders and links alike.
struct PathCounts: Codable {
    var added: Int
    var changed: Int
    var removed: Int
    var unchanged: Int

    static func + (left: PathCounts, right: PathCounts) -> PathCounts {
        PathCounts(
            added: left.added + right.added, changed: left.changed + right.changed,
            removed: left.removed + right.removed, unchanged: left.unchanged + right.unchanged)
    }
}

struct UnitDelta: Codable {
    var unit: UnitName
    var patch: WayCost?
    /// Where there is no patch: the unit is new, or too large for one.
    var noPatch: String?
    /// Members that the old release does not have, and the index.
    var ranges: WayCost
    /// The payload and the index.
    var whole: WayCost
    var paths: PathCounts
    var added: [String]?
    var changed: [String]?
    var removed: [String]?

    init(_ new: ManifestUnit, _ pair: PackagePair, _ work: Directory, names: Bool) throws {
        unit = new.name
        let index = try pair.new.index(of: new)
        let indexLength = new.payload.index.length.value
        whole = WayCost(
            bytes: ByteCount(new.payload.compressed.length.value + indexLength), members: index.members.count,
            requests: 2)
        guard let sides = try pair.sides(of: new) else {
            ranges = whole
            noPatch = "The unit is new."
            paths = PathCounts(added: index.entries.count, changed: 0, removed: 0, unchanged: 0)
            if names { added = index.entries.map(\.path.text) }
            return
        }
        let delta = try PayloadDelta(from: sides.old.stream.index, to: index)
        let requests = RangeCoalescing.requests(for: delta.missingRanges)
        ranges = WayCost(
            bytes: ByteCount(requests.reduce(indexLength) { $0 + Int64($1.count) }),
            members: delta.missingMembers.count, requests: requests.count + 1)
        paths = PathCounts(
            added: delta.added.count, changed: delta.changed.count, removed: delta.removed.count,
            unchanged: delta.unchangedCount)
        if names {
            added = delta.added.map(\.text)
            changed = delta.changed.map(\.text)
            removed = delta.removed.map(\.text)
        }
        let scratch = "frames-\(new.name)"
        do {
            let builder = try PatchBuilder(
                from: sides.old, to: sides.new, persistent: new.definition.persistent,
                scratch: work.createFile(scratch))
            let summary = try builder.run { _ in }
            patch = WayCost(bytes: summary.length, members: summary.members, requests: 1)
        } catch let error as PackagingError where error.code == "packaging.patch.size" {
            noPatch = error.summary
        }
        try work.removeFile(scratch)
    }
}

struct DeltaPresentation: Presentable, Decodable {
    var from: ReleaseName
    var to: ReleaseName
    var patch: WayCost?
    var ranges: WayCost
    var whole: WayCost
    var paths: PathCounts
    var units: [UnitDelta]

    init(from: ReleaseName, to: ReleaseName, units: [UnitDelta]) {
        self.from = from
        self.to = to
        self.units = units
        let nothing = WayCost(bytes: ByteCount(0), members: 0, requests: 0)
        // A unit without a patch is fetched in the next best way.
        if units.contains(where: { $0.patch != nil }) {
            patch = units.reduce(nothing) { $0 + ($1.patch ?? $1.ranges) }
        }
        ranges = units.reduce(nothing) { $0 + $1.ranges }
        whole = units.reduce(nothing) { $0 + $1.whole }
        paths = units.reduce(PathCounts(added: 0, changed: 0, removed: 0, unchanged: 0)) { $0 + $1.paths }
    }

    static let columns = ["FROM", "TO", "PATCH", "RANGES", "WHOLE"]
    var cells: [String] {
        [
            from.description, to.description, patch?.bytes.description ?? "-", ranges.bytes.description,
            whole.bytes.description,
        ]
    }
    var name: String { to.description }

    var details: String {
        var rows: [[String]] = []
        for unit in units {
            let ways: [(String, WayCost?)] = [("patch", unit.patch), ("ranges", unit.ranges), ("whole", unit.whole)]
            for case (let way, let cost?) in ways {
                rows.append([
                    unit.unit.text, way, cost.bytes.description, String(cost.bytes.value), String(cost.members),
                    String(cost.requests),
                ])
            }
        }
        let table = TextTable(["UNIT", "WAY", "SIZE", "BYTES", "MEMBERS", "REQUESTS"], rows).text
        let counts =
            "\(from) to \(to): of the paths (files, folders and links) \(paths.added) added, \(paths.changed) changed,"
            + " \(paths.removed) removed, \(paths.unchanged) unchanged\n"
        let without = units.compactMap { unit in unit.noPatch.map { "\(unit.unit) has no patch: \($0)\n" } }
        let names = units.flatMap { unit in
            (unit.added ?? []).map { "added    \($0)\n" } + (unit.changed ?? []).map { "changed  \($0)\n" }
                + (unit.removed ?? []).map { "removed  \($0)\n" }
        }
        return counts + table + without.joined() + names.joined()
    }
}
