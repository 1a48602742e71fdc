import Effects
import ReleaseDefinition
import ReleasePackaging

/// What each type of unit does when its release becomes the host's, and when it is left. Every act may be repeated.
///
/// | type | activate | take back | verify |
/// |---|---|---|---|
/// | tree | the link shows the new tree | the link shows the old one | the tree's digests |
/// | file, template | each file comes by one rename | the old release's, or what lay there before | bytes, mode, owner |
/// | script | `apply` of the new | `back-out` of the new | - |
/// | migration | `apply`, on the host that the rollout names, once for these files | there `back-out`, if it is reversible | - |
/// | plugin | step `activate` of its program | step `back-out` of the new | step `verify` |
/// | deb | dpkg installs | dpkg installs the old, or purges | the versions |
struct UnitActivation: Sendable {
    private static let migratedName = "applied"

    var hooks: HookRunner
    var processes: any ProcessDoor
    var configuration: AgentConfiguration

    /// Before anything is stopped: what activation will need comes about, and a way back is at hand.
    func prepare(_ unit: ManifestUnit, of new: StoredRelease, old: (ManifestUnit, StoredRelease)?) async throws {
        switch unit.definition.type {
        case .tree: break
        case .file, .template: try placer(unit, new).check(side(unit, new))
        case .script, .migration:
            let tree = try new.tree(unit)
            for name in unit.definition.type == .script
                ? [UnitType.applyProgram, UnitType.backOutProgram] : [UnitType.applyProgram]
            {
                guard try tree.status(name)?.kind != .file || tree.status(name).map({ $0.mode & 0o100 == 0 }) == true
                else { continue }
                guard name == UnitType.applyProgram || unit.definition.isReversible else { continue }
                throw AgentError(
                    code: "script.program", summary: "The unit \(unit.name) has no program \(name) in its source.",
                    remedy: "Add an executable file \(name), or declare the unit reversible: false.")
            }
        case .deb:
            try await packages(unit, new).prepare(
                new.tree(unit), old: old.map { try $0.1.tree($0.0) }, isReversible: unit.definition.isReversible)
        case .plugin: try await plugins.prepare(unit, new, from: old)
        }
    }

    /// Forward: from what `old` brought to what `new` brings; a unit that the new release drops has no `new`.
    func activate(
        _ new: (ManifestUnit, StoredRelease)?, leaving old: (ManifestUnit, StoredRelease)?, _ context: HookContext
    ) async throws {
        guard let (unit, stored) = new ?? old else { return }
        // Hooks have run since it was staged and verified, and may remove what they please (R8).
        if let new, !(new.0.hooks + (old?.0.hooks ?? [])).isEmpty { try checkPresent(new.0, new.1) }
        switch unit.definition.type {
        case .tree: break
        case .file, .template: try place(from: old, to: new)
        case .script:
            if new != nil {
                try await run(UnitType.applyProgram, of: unit, in: stored, context)
            } else {
                try await run(UnitType.backOutProgram, of: unit, in: stored, context)
            }
        case .migration: if new != nil { try await migrate(unit, stored, context) }
        case .deb:
            try await packages(unit, stored).change(
                from: old.map { try $0.1.tree($0.0) }, to: new.map { try $0.1.tree($0.0) })
        case .plugin:
            if let new {
                try await plugins.run(.activate, new.0, new.1, from: old, context)
            } else {
                try await plugins.run(.remove, unit, stored, from: nil, context)
            }
        }
        try showLink(new, leaving: old)
    }

    /// The way back: `new` is left, `old` restored.
    func restore(
        _ old: (ManifestUnit, StoredRelease)?, leaving new: (ManifestUnit, StoredRelease)?, _ context: HookContext
    ) async throws {
        guard let (unit, stored) = new ?? old else { return }
        switch unit.definition.type {
        case .plugin where new != nil: try await plugins.run(.backOut, unit, stored, from: old, context)
        case .script where new != nil: try await run(UnitType.backOutProgram, of: unit, in: stored, context)
        case .migration:
            if new != nil { try await unmigrate(unit, stored, context) }
        default: return try await activate(old, leaving: new, context)
        }
        try showLink(old, leaving: new)
    }

    /// What on the host is not as the release put it there, in words.
    func differences(_ unit: ManifestUnit, of stored: StoredRelease) async throws -> [String] {
        var found: [String] = []
        if try stored.layout(unit).current() != stored.release.folder { found.append("its link shows another release") }
        guard let tree = try stored.layout(unit).tree(stored.release.folder) else {
            return found + ["its files are gone"]
        }
        do {
            let extra = try PayloadInstaller.verifyTree(unit, index: stored.index(unit), tree: tree, extra: .reported)
            found += extra.map { "\($0) is not part of the release" }
        } catch let error as PackagingError where error.code == "packaging.tree.changed" { found.append(error.summary) }
        switch unit.definition.type {
        case .file, .template: found += try placer(unit, stored).differences(side(unit, stored))
        case .deb: found += try await packages(unit, stored).differences(tree)
        case .plugin: found += try await plugins.differences(unit, stored)
        case .tree, .script, .migration: break
        }
        return found
    }

    /// Whether this host has part in the unit at all.
    /// - Parameter migrating: the hosts that the rollout names for migrations; nil: each that `runOn` names.
    func concerns(_ unit: ManifestUnit, _ migrating: [HostID]?) -> Bool {
        let isNamed = migrating?.contains(configuration.host) ?? true
        return isNamed
            && unit.definition.runOn?.matches(id: configuration.host, labels: hooks.environment.labels.current) ?? true
    }

    // MARK: - By type

    /// Every file of the tree is there; not whether its bytes are.
    private func checkPresent(_ unit: ManifestUnit, _ stored: StoredRelease) throws {
        let tree = try stored.tree(unit)
        let index = try PayloadIndex(parsing: stored.index(unit), for: unit.payload)
        for entry in index.entries {
            let isThere: Bool
            do { isThere = try tree.status(entry.path.text) != nil } catch let error as EffectsError
                where ["effects.file.absent", "effects.file.notDirectory", "effects.file.escape"].contains(error.code)
            {
                // Below a persistent path, which is a link.
                isThere = unit.definition.persistent.contains { entry.path.text.hasPrefix($0 + "/") }
            }
            guard !isThere else { continue }
            throw AgentError(
                code: "release.incomplete",
                summary: "\(entry.path.text) of \(stored.release) is gone since it was verified.",
                remedy: "A hook that ran before the switch removed it, most likely: see its output.")
        }
    }

    private func showLink(_ new: (ManifestUnit, StoredRelease)?, leaving old: (ManifestUnit, StoredRelease)?) throws {
        if let (unit, stored) = new {
            try stored.layout(unit).switchOver(to: stored.release.folder)
        } else if let (unit, stored) = old {
            try stored.layout(unit).unlink()
        }
    }

    private func place(from old: (ManifestUnit, StoredRelease)?, to new: (ManifestUnit, StoredRelease)?) throws {
        guard let (unit, stored) = new ?? old else { return }
        try placer(unit, stored).change(
            from: old.map { try side($0.0, $0.1) }, to: new.map { try side($0.0, $0.1) })
    }

    /// Once for these very files, whatever the release that brings them is called.
    private func migrate(_ unit: ManifestUnit, _ stored: StoredRelease, _ context: HookContext) async throws {
        guard concerns(unit, context.migrating) else { return }
        let applied = try stored.originals(unit).createDirectory(Self.migratedName, mode: 0o700)
        let name = unit.payload.tar.sha256.hex
        guard try applied.status(name) == nil else { return }
        try await run(UnitType.applyProgram, of: unit, in: stored, context)
        try applied.writeDurably(name, [], mode: 0o600)
    }

    /// Only where the rollout named this host: it goes back when the whole rollout does, after all others.
    private func unmigrate(_ unit: ManifestUnit, _ stored: StoredRelease, _ context: HookContext) async throws {
        guard unit.definition.isReversible, context.migrating != nil, concerns(unit, context.migrating) else { return }
        let applied = try stored.originals(unit).createDirectory(Self.migratedName, mode: 0o700)
        let name = unit.payload.tar.sha256.hex
        guard try applied.status(name) != nil else { return }
        try await run(UnitType.backOutProgram, of: unit, in: stored, context)
        try applied.removeFile(name)
    }

    private func run(
        _ program: String, of unit: ManifestUnit, in stored: StoredRelease, _ context: HookContext
    ) async throws {
        let path = try stored.treePath(unit) + "/" + program
        try await hooks.run(program: path, called: program, of: unit, in: stored, context.values(named: program))
    }

    private func placer(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> FilePlacer {
        try FilePlacer(
            installTo: unit.definition.installTo, root: configuration.root, originals: stored.originals(unit))
    }

    func side(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> FilePlacer.Side {
        let tree = try stored.tree(unit)
        guard unit.definition.type == .template else { return FilePlacer.Side(tree: tree) }
        return FilePlacer.Side(
            tree: tree,
            template: TemplateText(
                values: try stored.values(for: configuration.environment), variables: configuration.variables,
                secrets: Secrets(folder: configuration.secrets)))
    }

    func places(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> [String] {
        try placer(unit, stored).paths(of: side(unit, stored))
    }

    private var plugins: PluginRunner { PluginRunner(hooks: hooks, configuration: configuration) }

    private func packages(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> DebianPackages {
        DebianPackages(
            processes: processes, root: configuration.root, originals: try stored.originals(unit),
            timeout: min(unit.definition.hooks.timeout, .minutes(60)), workingDirectory: hooks.workingDirectory)
    }
}
