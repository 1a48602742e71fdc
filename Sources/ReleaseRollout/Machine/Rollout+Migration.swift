import AgentProtocol
import ReleaseDefinition

/// Migrations are steps of the rollout: they run before everybody else, and stay as long as any other host has the release.
extension Rollout {
    /// Something that cannot be taken back was crossed, or is declared: nothing goes back by itself any more (semantics 5).
    var isIrreversible: Bool {
        guard let plan = frozen?.value else { return false }
        if plan.definition.irreversible != nil { return true }
        return (plan.migrations ?? []).contains { migration in
            guard !migration.isReversible, let host = record(migration.host) else { return false }
            // What it had before this rollout, it had migrated before.
            return host.presence.isOurs || host.install.outcome == .succeeded
        }
    }

    /// The host ran a migration that others stand on.
    func holdsMigration(_ id: HostID) -> Bool {
        guard let frozen, frozen.value.migrates, let host = record(id), host.phase == 0 else { return false }
        return phase > 0 && hosts.contains { $0.phase > 0 && ($0.presence.isOurs || $0.install.isInFlight) }
    }
}

extension PhaseKind {
    /// One failure in it is one too many.
    var standsForAll: Bool { self == .pilot || self == .migration }
}
