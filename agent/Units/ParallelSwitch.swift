import Effects
import ReleaseDefinition
import ReleasePackaging

/// What sends requests to one of a unit's two slots: the `switch` hook, and a link whose target is the slot's address (a
/// socket, or a port that a proxy reads). Every act may be repeated.
struct ParallelSwitch: Sendable {
    var hooks: HookRunner
    var environment: StepEnvironment

    private var root: String { environment.configuration.root }

    /// Before anything runs: both addresses can be told, and nothing of others lies where the link goes.
    func check(_ unit: ManifestUnit, _ stored: StoredRelease) throws {
        guard let parallel = unit.definition.parallel else { return }
        for address in parallel.slots { _ = try Variables.expand(address, environment.configuration.variables) }
        guard let link = parallel.link else { return }
        let place = try UnitLayout(installTo: link, root: root)
        guard let holder = try? place.openParent(), let status = try holder.status(place.name),
            status.kind != .symlink
        else { return }
        throw AgentError(
            code: "parallel.link", summary: "\(place.path) is no link: it is not replaced by one.",
            remedy: "Move it away, or let parallel.link of the unit name another path.")
    }

    /// From now on what comes goes to the unit's slot.
    /// - Throws: `StepError` of class `hook`: the hook's.
    func takeOver(_ unit: ManifestUnit, _ stored: StoredRelease, _ context: HookContext) async throws {
        try showLink(unit, stored)
        try await hooks.run(.switch, of: unit, in: stored, context)
    }

    /// The link alone: `/run` is empty after a restart of the host.
    func showLink(_ unit: ManifestUnit, _ stored: StoredRelease) throws {
        guard let link = unit.definition.parallel?.link, let address = try environment.address(unit, stored) else {
            return
        }
        let place = try UnitLayout(installTo: link, root: root)
        let holder = try place.makeParent()
        if try holder.status(place.name)?.kind == .symlink, try holder.readLink(place.name) == address { return }
        let next = ".\(place.name).next"
        try holder.removeTree(next)
        try holder.createSymlink(next, to: address)
        try holder.rename(next, to: place.name)
    }

    /// Nothing serves from a slot any more.
    func removeLink(_ unit: ManifestUnit) throws {
        guard let link = unit.definition.parallel?.link else { return }
        let place = try UnitLayout(installTo: link, root: root)
        guard let holder = try? place.openParent(), try holder.status(place.name)?.kind == .symlink else {
            return
        }
        try holder.removeFile(place.name)
        try holder.sync()
    }
}
