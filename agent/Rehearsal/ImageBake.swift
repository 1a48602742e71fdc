import AgentProtocol
import Effects
import ReleaseDefinition

/// A release put into the image of a host that does not run: verified, unpacked, shown by its links, and written into the
/// journal as an installation that was cut short at its first start. The first boot repeats that step, as after any power
/// cut: it starts what is to be started, proves it healthy and commits, or backs out. No program of the release runs here.
struct ImageBake: Sendable {
    var folder: AgentFolder
    /// With the image's folder as its root.
    var configuration: AgentConfiguration

    /// - Throws: `agent.image.…`, and as an installation: the image is as it was then, but for what was staged.
    func run(_ path: String) async throws -> HostRelease {
        let doors = AgentDoors.byHand(NoNetwork())
        return try await PackageInstallation(folder: folder, configuration: configuration, doors: doors).with(path) {
            source in
            let agent = try Agent(
                folder: folder, configuration: configuration, source: source, doors: doors,
                log: AgentLog.make(.warning))
            let result: Result<HostRelease, any Error>
            do { result = .success(try await agent.bake(source)) } catch { result = .failure(error) }
            await agent.close()
            return try result.get()
        }
    }
}

extension Agent {
    func bake(_ source: ExportedSource) async throws -> HostRelease {
        if let installation = host.installation {
            throw AgentError(
                code: "image.baked",
                summary: "\(installation.task.order) is in this image already, for its first boot.",
                remedy: "Begin with a fresh image, or boot it first.")
        }
        let word = try source.authorise(revoked: []).assignment
        _ = try begin(word.order, HostRelease(name: word.release, manifest: word.manifest), source.envelope)
        while let installation = host.installation, let action = installation.pendingAction(at: clock.now()),
            action != .activate
        {
            try advance(installation, await perform(action, installation))
        }
        guard let installation = host.installation, let release = installation.task.to else {
            throw AgentError(
                code: "image.failed",
                summary:
                    "\(word.release) is not in the image: \(host.finished.last?.outcome.words ?? "nothing was done").",
                remedy: "Correct what it says and bake again.",
                cause: host.finished.last?.failure?.evidence.error.description)
        }
        try await place(release)
        // What could be compared with at the first boot is not there yet; nothing is stopped where nothing runs.
        try advance(installation, .prepared(StateBefore()))
        if let stopping = host.installation, case .stopping = stopping.state { try advance(stopping, .done) }
        return release
    }

    /// Trees and files, which are the same on every host; the first boot does it again, and all else.
    private func place(_ release: HostRelease) async throws {
        let stored = try store.stored(release)
        for unit in stored.manifest.units where [.tree, .file].contains(unit.definition.type) {
            let context = HookContext(
                order: OrderID(rollout: try RolloutID("image"), action: .install, attempt: 1), from: nil, to: release)
            try await runner.activation.activate((unit, stored), leaving: nil, context)
        }
    }
}
