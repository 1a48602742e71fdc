import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// The signed metadata: its state is a document of the store, its files lie in `repository/`.
enum RepositoryKeeper {
    static let documentName = "repository"
    static let firstRootName = "1.root.json"

    /// Opens `repository/` for writing, once, before anything else writes there: leftovers are swept.
    static func publisher(_ folder: ControllerDirectory) throws -> RepositoryPublisher {
        if folder.sharedRepository != nil { return try RepositoryPublisher(folder.repository()) }
        return try RepositoryPublisher(folder.directory.createDirectory(ControllerDirectory.repositoryName))
    }
}

extension Controller {
    /// Makes decisions and the metadata that carries them out durable together, then publishes. Killed between the two,
    /// `resume` publishes what the document says.
    func commit(
        _ events: [NewEvent], metadata changes: [RepositoryChange], targets: [PublishedTarget] = [], at now: UTCInstant
    ) throws {
        guard let last = changes.last else { return }
        let document = try JSONCoding.value(of: last.state).wireBytes
        try commit(
            StoreChange(events: events, documents: [RepositoryKeeper.documentName: document]), at: now)
        repository = last.state
        // What readers find changed is written by the one that leads: two would write over one another.
        let files =
            changes.dropLast().flatMap(\.files).filter { !$0.isMutable } + last.files.filter { leads || !$0.isMutable }
        try publisher.publish(RepositoryPublication(targets: targets, metadata: files))
    }

    /// What the document and the log say is what lies in `repository/`, whenever a publish was cut short.
    func completePublication() throws {
        guard leads else { return }
        var targets: [PublishedTarget] = []
        for release in state.releases.values {
            let submitted = release.submitted
            let bytes = try publisher.blobs.read(
                BlobReference(sha256: submitted.manifest, length: submitted.manifestLength))
            for approval in release.approvals {
                let place = approval.environment.map { ApprovalPlace.environment($0) } ?? .emergency
                targets.append(PublishedTarget(path: TargetPath.manifest(place, submitted.release), bytes: bytes))
            }
        }
        try publisher.publish(RepositoryPublication(targets: targets, metadata: repository.files))
    }

    /// New timestamps and snapshots before the old ones expire.
    nonisolated func renewMetadata() async throws {
        while true {
            let now = time.now()
            let due = await renewWhereDue(at: now)
            try await time.sleep(for: max(.minutes(1), min(.hours(1), due.since(now))))
        }
    }

    /// When to look again.
    func renewWhereDue(at now: UTCInstant) -> UTCInstant {
        guard leads else { return now + .minutes(1) }
        do {
            if let due = RepositoryWriter.renewalDueAt(repository), due <= now {
                let change = try RepositoryWriter.renew(repository, keys: keys, at: now)
                try commit([], metadata: [change], at: now)
                try settle(at: now)
            }
            try noteExpiries(at: now)
            try noteCertificates(at: now)
            if now >= channelsPublishedAt + .days(1) { try publishAllChannels() }
        } catch {
            logger.error("metadata not renewed", metadata: ["error": "\(error)"])
            return now + .minutes(1)
        }
        return RepositoryWriter.renewalDueAt(repository) ?? now + .hours(1)
    }
}
