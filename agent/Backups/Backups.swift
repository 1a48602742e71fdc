import AgentProtocol
import Effects
import ReleaseDefinition
import ReleasePackaging

/// A copy of a unit's declared paths, taken after its service stopped and before the switch.
struct Backup: Codable, Sendable, Equatable {
    struct Path: Codable, Sendable, Equatable {
        var path: String
        /// The name of the copy beside the record; nil: nothing was there.
        var copy: String?
    }

    var order: OrderID
    var product: ProductName
    var unit: UnitName
    /// Of the release that was left.
    var release: HostRelease?
    var takenAt: UTCInstant
    var size: ByteCount
    var paths: [Path]
}

/// The backups of this host, in `backups/PRODUCT.UNIT/ORDER/` of the agent's folder. Every act may be repeated.
struct Backups: Sendable {
    /// For each unit.
    static let keep = 2
    private static let recordName = "backup.json"
    private static let trafficName = "traffic"

    var folder: AgentFolder
    var root: String
    var now: @Sendable () -> UTCInstant

    /// Copies and verifies what the unit declares; once for an order.
    func take(_ unit: ManifestUnit, _ product: ProductName, _ task: InstallationTask) throws {
        guard let paths = unit.definition.backup, !paths.isEmpty else { return }
        let own = try unitFolder(product, unit.name)
        let name = Self.name(task.order)
        guard try own.status(name + "/" + Self.recordName) == nil else { return }
        try own.removeTree(name)
        let target = try own.createDirectory(name, mode: 0o700)
        let host = try Directory.create(root)
        var (copied, copy) = ([Backup.Path](), TreeCopy())
        for (number, path) in paths.enumerated() {
            let relative = String(path.drop { $0 == "/" })
            guard try status(relative, in: host) != nil else {
                copied.append(Backup.Path(path: path, copy: nil))
                continue
            }
            try copy.copy(relative, in: host, to: "\(number)", in: target)
            copied.append(Backup.Path(path: path, copy: "\(number)"))
        }
        try target.sync()
        try write(
            Backup(
                order: task.order, product: product, unit: unit.name, release: task.from, takenAt: now(),
                size: ByteCount(copy.size), paths: copied), in: own)
        try own.sync()
        try prune(own)
    }

    /// Something of the new release is about to be offered to the world: from now on only a person restores.
    func noteTraffic(_ manifest: Manifest, _ order: OrderID) throws {
        guard manifest.units.contains(where: { $0.definition.backup != nil }), try !hasTraffic(order) else { return }
        try folder.backups().writeDurably(Self.trafficName, Array(order.description.utf8), mode: 0o600)
    }

    /// One order is carried out at a time: the last one that was noted is all there is to know.
    private func hasTraffic(_ order: OrderID) throws -> Bool {
        try folder.backups().readIfPresent(Self.trafficName, sizeMax: ByteCount(4096)) == Array(order.description.utf8)
    }

    /// - Returns: the backup that was put back; nil: none was taken, or the host has taken traffic since.
    func restoreUntouched(_ unit: UnitName, _ product: ProductName, _ order: OrderID) throws -> Backup? {
        guard let backup = try find(unit, product, order), try !hasTraffic(order) else { return nil }
        try restore(backup)
        return backup
    }

    /// Each path by one exchange of names; what was there goes.
    func restore(_ backup: Backup) throws {
        let own = try unitFolder(backup.product, backup.unit).directory(Self.name(backup.order))
        let host = try Directory.create(root)
        for path in backup.paths {
            let relative = String(path.path.drop { $0 == "/" })
            guard let copy = path.copy else {
                try host.removeTree(relative)
                continue
            }
            let slash = relative.lastIndex(of: "/")
            let holder = slash.map { String(relative[...$0]) } ?? ""
            let name = slash.map { relative[relative.index(after: $0)...] } ?? relative[...]
            let temporary = holder + ".\(name).slipway-restore"
            try host.removeTree(temporary)
            var again = TreeCopy()
            try again.copy(copy, in: own, to: temporary, in: host)
            if try status(relative, in: host) == nil {
                try host.rename(temporary, to: relative)
            } else {
                try host.exchange(temporary, with: relative)
                try host.removeTree(temporary)
            }
        }
    }

    /// Newest first.
    func all(of product: ProductName? = nil) throws -> [Backup] {
        let base = try folder.backups()
        var found: [Backup] = []
        for unit in try base.list() where unit.kind == .directory {
            let own = try base.directory(unit.name)
            for entry in try own.list() where entry.kind == .directory {
                if let backup = read(entry.name, in: own), product == nil || backup.product == product {
                    found.append(backup)
                }
            }
        }
        return found.sorted { $0.takenAt > $1.takenAt }
    }

    /// Bytes that the backups of a release take.
    func need(_ manifest: Manifest) throws -> Int64 {
        let host = try Directory.create(root)
        return try manifest.units.flatMap { $0.definition.backup ?? [] }.reduce(0) {
            try $0 + TreeCopy.size(of: String($1.drop { $0 == "/" }), in: host)
        }
    }

    // MARK: - On the disk

    private func find(_ unit: UnitName, _ product: ProductName, _ order: OrderID) throws -> Backup? {
        read(Self.name(order), in: try unitFolder(product, unit))
    }

    /// One that was cut short has no record and counts as none.
    private func read(_ name: String, in own: Directory) -> Backup? {
        guard let bytes = try? own.readIfPresent(name + "/" + Self.recordName, sizeMax: ByteCount(1 << 20)) else {
            return nil
        }
        return try? JSONCoding.decode(Backup.self, from: bytes)
    }

    private func write(_ backup: Backup, in own: Directory) throws {
        try own.writeDurably(
            Self.name(backup.order) + "/" + Self.recordName, JSONCoding.value(of: backup).prettyBytes, mode: 0o600)
    }

    private func prune(_ own: Directory) throws {
        let found = try own.list().compactMap { entry in read(entry.name, in: own).map { (entry.name, $0.takenAt) } }
        for old in found.sorted(by: { $0.1 > $1.1 }).dropFirst(Self.keep) { try own.removeTree(old.0) }
    }

    private func unitFolder(_ product: ProductName, _ unit: UnitName) throws -> Directory {
        try folder.backups().createDirectory("\(product).\(unit)", mode: 0o700)
    }

    private func status(_ path: String, in host: Directory) throws -> FileStatus? {
        do { return try host.status(path) } catch let error as EffectsError where error.code == "effects.file.absent" {
            return nil
        }
    }

    /// An order's name has slashes.
    private static func name(_ order: OrderID) -> String {
        order.description.split(separator: "/").joined(separator: ".")
    }
}
