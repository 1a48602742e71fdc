import ReleaseDefinition
import ReleasePackaging

/// The units of two releases side by side, by the number that the plan of changes gives each. `old` is the release that
/// the way forward leaves and the way back restores.
struct UnitPairs: Sendable {
    let changes: [UnitChange]
    let old: StoredRelease?
    let new: StoredRelease?

    init(changes: [UnitChange], old: StoredRelease?, new: StoredRelease?) {
        self.changes = changes
        self.old = old
        self.new = new
    }

    /// Units of the new release in its order, then those that it drops, last first.
    /// - Throws: `agent.unit.moved`: a unit would change its folder.
    static func plan(
        old: StoredRelease?, new: Manifest?, slots: SlotsNow = SlotsNow(),
        concerns: (ManifestUnit) -> Bool = { _ in true }
    ) throws -> [UnitChange] {
        let before = old?.manifest.units ?? []
        let after = new?.units ?? []
        var changes: [UnitChange] = []
        for unit in after {
            let previous = before.first { $0.name == unit.name }
            if let previous, previous.definition.type != unit.definition.type {
                throw AgentError(
                    code: "unit.type",
                    summary:
                        "The unit \(unit.name) was of type \(previous.definition.type.rawValue), now it is of type "
                        + "\(unit.definition.type.rawValue).",
                    remedy: "Give the unit another name: the old one is then removed and the new one added.")
            }
            if let previous, previous.definition.installTo != unit.definition.installTo {
                throw AgentError(
                    code: "unit.moved",
                    summary: "The unit \(unit.name) moves from \(previous.definition.installTo) to "
                        + "\(unit.definition.installTo).",
                    remedy: "Give the unit another name: the old one is then removed and the new one added.")
            }
            var next = change(unit, previous == nil ? .add : .replace, beside: previous)
            if !unit.definition.isReversible, concerns(unit) { next.isReversible = false }
            next.parallel = slots.change(from: previous, to: unit)
            next.reboot = unit.definition.reboot
            changes.append(next)
        }
        try checkPlaces(before, after)
        for unit in before.reversed() where !after.contains(where: { $0.name == unit.name }) {
            var last = change(unit, .remove, beside: nil)
            last.parallel = slots.change(from: unit, to: nil)
            changes.append(last)
        }
        for at in changes.indices { changes[at].orderBack = before.firstIndex { $0.name == changes[at].unit } }
        return changes
    }

    /// A unit under another name at the same place would be put there and then removed.
    private static func checkPlaces(_ before: [ManifestUnit], _ after: [ManifestUnit]) throws {
        for unit in after where unit.definition.type == .tree {
            let other = before.first {
                $0.definition.type == .tree && $0.definition.installTo == unit.definition.installTo
            }
            guard let other, other.name != unit.name else { continue }
            throw AgentError(
                code: "unit.renamed",
                summary: "\(unit.definition.installTo) is the unit \(other.name)'s on this host, the release has it as"
                    + " \(unit.name).",
                remedy: "Keep the unit's name; what was adopted under another one is adopted with --unit NAME.")
        }
    }

    static func plan(old: StoredRelease?, new: StoredRelease?) throws -> [UnitChange] {
        try plan(old: old, new: new?.manifest)
    }

    private static func change(_ unit: ManifestUnit, _ kind: UnitChange.Kind, beside: ManifestUnit?) -> UnitChange {
        // At most three hooks in a step, each of which may ask for another time for half an hour.
        let longest = max(unit.definition.hooks.timeout, beside?.definition.hooks.timeout ?? .zero)
        let programs = unit.definition.type.runsPrograms ? 1 : 0
        let hooks = unit.hooks.count + (beside?.hooks.count ?? 0) + programs
        let step = hooks == 0 ? TimeSpan.minutes(2) : (min(longest, .minutes(60)) + HookRunner.laterMax) * 3
        return UnitChange(
            unit: unit.name, kind: kind,
            stepTimeout: step + ServiceSupervisor.grace + (unit.definition.backup == nil ? .zero : .minutes(60)),
            healthyDeadline: max(unit.definition.healthyDeadline, beside?.definition.healthyDeadline ?? .zero))
    }

    func old(_ index: Int) -> (ManifestUnit, StoredRelease)? { find(index, in: old) }
    func new(_ index: Int) -> (ManifestUnit, StoredRelease)? { find(index, in: new) }

    private func find(_ index: Int, in stored: StoredRelease?) -> (ManifestUnit, StoredRelease)? {
        guard let stored, changes.indices.contains(index), let unit = stored.manifest[unit: changes[index].unit] else {
            return nil
        }
        return (unit, stored)
    }

    /// Re-hashes every tree of the old release: what is switched back to is exactly what was approved.
    /// - Parameter restored: the release that `old` is, if its manifest is still there. Nil: nothing ran before.
    func verifyOld(_ restored: HostRelease?) throws {
        func gone(_ what: String, _ release: HostRelease) -> AgentError {
            AgentError(
                code: "release.absent", summary: "The \(what) of \(release) is not on this host any more.",
                remedy: "Order a sound release; it is fetched anew.")
        }
        guard let old else {
            // Taken for nothing that ran before, it would be reported as what runs.
            if let restored { throw gone("manifest", restored) }
            return
        }
        for unit in old.manifest.units {
            guard let tree = try old.layout(unit).tree(old.release.folder) else { throw gone("tree", old.release) }
            // What a service left beside the release's own files (a cache, a socket) is no reason to stay on a bad one.
            try PayloadInstaller.verifyTree(unit, index: old.index(unit), tree: tree, extra: .reported)
        }
    }
}

/// The slots that serve when an order is taken up, and which of its two releases they are of.
struct SlotsNow: Sendable {
    var slots: [UnitName: SlotName] = [:]
    /// A back-out by order leaves what serves; an installation finds it.
    var areOfNew = false

    /// - Parameters:
    ///   - old: the unit in the release that the way back restores.
    ///   - new: in the one that it leaves.
    func change(from old: ManifestUnit?, to new: ManifestUnit?) -> ParallelChange? {
        guard let settings = new?.definition.parallel ?? old?.definition.parallel,
            let unit = new?.name ?? old?.name
        else { return nil }
        let (hasOld, hasNew) = (old?.definition.parallel != nil, new?.definition.parallel != nil)
        let serving = slots[unit] ?? .a
        let other = (areOfNew ? hasNew : hasOld) ? serving.other : .a
        return ParallelChange(
            old: hasOld ? (areOfNew ? other : serving) : nil, new: hasNew ? (areOfNew ? serving : other) : nil,
            drain: settings.drain, warm: settings.warm)
    }
}

extension [UnitChange] {
    func slots(ofNew: Bool) -> [UnitName: SlotName] {
        reduce(into: [:]) { $0[$1.unit] = ofNew ? $1.parallel?.new : $1.parallel?.old }
    }
}
