import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// The signed metadata: its state is a document of the store, its files lie in `repository/`.
enum RepositoryKeeper {
    static let documentName = "repository"
    static let firstRootName = "1.root.json"

    /// The solo profile: every key is on this machine.
    static func keys(_ folder: ControllerDirectory) throws -> RepositoryKeys {
        func key(_ name: String) throws -> SigningKey { try SigningKey(pem: folder.text(KeyName.file(name))) }
        return RepositoryKeys(
            root: [try key(KeyName.root)], targets: [try key(KeyName.targets)],
            approvers: [try key(KeyName.releases)], emergency: [try key(KeyName.emergency)],
            snapshot: [try key(KeyName.snapshot)], timestamp: [try key(KeyName.timestamp)],
            director: [try key(KeyName.director)])
    }

    /// In the order given, each durable before the next.
    static func publish(_ files: [MetadataFile], in folder: ControllerDirectory) throws {
        let repository = try folder.directory.createDirectory(ControllerDirectory.repositoryName)
        let metadata = try repository.createDirectory("metadata")
        for file in files {
            // What is immutable and there already needs no second write.
            if !file.isMutable, try metadata.status(file.name)?.size == ByteCount(file.bytes.count) { continue }
            try metadata.writeDurably(file.name, file.bytes, mode: 0o644)
        }
    }

    static func publishTarget(_ path: String, _ manifest: [UInt8], in folder: ControllerDirectory) throws {
        let name = "targets/" + TargetPath.file(of: path, sha256: SHA256Digest(of: manifest))
        let repository = try folder.directory.createDirectory(ControllerDirectory.repositoryName)
        if let slash = name.lastIndex(of: "/") { try repository.createDirectory(String(name[..<slash])) }
        try repository.writeDurably(name, manifest, mode: 0o644)
    }

    static func blobs(_ folder: ControllerDirectory) throws -> BlobStore {
        BlobStore(try folder.directory.createDirectory("\(ControllerDirectory.repositoryName)/blobs"))
    }
}

extension Controller {
    /// Makes decisions and the metadata that carries them out durable together, then publishes. Killed between the two,
    /// `resume` publishes what the document says.
    func commit(_ events: [NewEvent], metadata changes: [RepositoryChange], at now: UTCInstant) throws {
        guard let last = changes.last else { return }
        let document = try JSONCoding.canonicalBytes(of: last.state)
        try commit(
            StoreChange(events: events, documents: [RepositoryKeeper.documentName: document]), at: now)
        repository = last.state
        let files = changes.dropLast().flatMap(\.files).filter { !$0.isMutable } + last.files
        try RepositoryKeeper.publish(files, in: folder)
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
    private func renewWhereDue(at now: UTCInstant) -> UTCInstant {
        do {
            if let due = RepositoryWriter.renewalDueAt(repository), due <= now {
                let change = try RepositoryWriter.renew(repository, keys: keys, at: now)
                try commit([], metadata: [change], at: now)
            }
            if now >= channelsPublishedAt + .days(1) { try publishAllChannels() }
        } catch {
            logger.error("metadata not renewed", metadata: ["error": "\(error)"])
            return now + .minutes(1)
        }
        return RepositoryWriter.renewalDueAt(repository) ?? now + .hours(1)
    }
}
