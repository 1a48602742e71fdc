import Effects
import ReleaseDefinition
import ReleaseTrust

/// The log begins anew after a break: what stood between the backup and this is lost, and says so for ever.
public struct ControllerRestored: Sendable, Equatable, Codable {
    /// When the backup was made.
    public var backupAt: UTCInstant
    /// The last entry of it.
    public var lastKept: Int64
}

/// Sets a controller up from a backup.
enum ControllerRestore {
    /// Further than any controller gets between two backups, and far from where numbers end.
    static let jump: Int64 = 1_000_000

    struct Outcome: Sendable {
        var backup: BackupRecord
        /// Roles whose keys people hold: hosts that have seen newer metadata of them wait until those have signed.
        var unsigned: [String] = []
    }

    /// - Parameters:
    ///   - advance: hosts may have seen more than the backup holds: every number that they would take for an older one jumps
    ///     ahead.
    ///   - kit: for keys that the backup lacks.
    ///   - isConfirmed: somebody knows that the database holds more than the backup.
    /// - Throws: `controller.setup.backup`, `.backupInside`, `.databaseEmpty`, `.databaseUsed`, `.databaseNewer`; `controller.conflict.exists`.
    ///   Then nothing was written, and no table was changed.
    static func perform(
        from backup: String, to path: String, advance: Bool, kit: (path: String, passphrase: [UInt8])? = nil,
        isConfirmed: Bool = false, at now: UTCInstant
    ) throws -> Outcome {
        let from = try Directory.open(backup)
        guard let bytes = try from.readIfPresent(BackupRecord.name, sizeMax: ByteCount(1 << 20)),
            let record = try? JSONCoding.decode(BackupRecord.self, from: bytes)
        else {
            throw ControllerError.setup(
                "backup",
                "\(backup) is no whole backup: it holds no \(BackupRecord.name)"
                    + (backup.hasSuffix(ControllerBackup.unfinished) ? ", and was never finished." : "."),
                remedy: "Name a folder that slipway-controller backup wrote to its end.")
        }
        let configuration = try ControllerDirectory(directory: from)
            .json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        if advance, let database = configuration.database {
            try examine(PostgresStore(unchanged: database), against: record, isConfirmed: isConfirmed)
        }
        try ControllerBackup.refuse(path, within: backup)
        let there = try ControllerBackup.emptyFolder(path)
        // The configuration makes it a controller: last.
        for entry in try from.list()
        where entry.name != BackupRecord.name && entry.name != ControllerDirectory.configurationName {
            try ControllerBackup.copy(entry.name, in: from, to: there)
        }
        var outcome = Outcome(backup: record)
        let folder = ControllerDirectory(directory: there, sharedRepository: configuration.repository)
        if let kit {
            try RecoveryKit.unpack(kit.path, passphrase: kit.passphrase, into: folder, configuration.profile)
        }
        if advance {
            // Packages were copied meanwhile, which takes its time.
            if let database = configuration.database { try requireIdle(PostgresStore(unchanged: database)) }
            let store = try configuration.openStore(folder)
            outcome.unsigned = try self.advance(store, folder, record, at: now)
            try store.close()
        }
        try there.sync()
        try folder.write(ControllerDirectory.configurationName, json: configuration)
        return outcome
    }

    private static func requireIdle(_ store: PostgresStore) throws {
        guard try store.isInUse() else { return }
        throw ControllerError.setup(
            "databaseUsed", "A controller runs on the database \(store.place).",
            remedy: "Put the dump into a database of its own, and name that in controller.json of the backup.")
    }

    /// Whether the database may be advanced: it is a copy of the time of the backup, or somebody has said so.
    private static func examine(_ store: PostgresStore, against backup: BackupRecord, isConfirmed: Bool) throws {
        defer { try? store.close() }
        guard try store.holdsRecord() else {
            throw ControllerError.setup(
                "databaseEmpty", "The database \(store.place) holds no record of a controller.",
                remedy: "Put the dump that was made right after the backup into it first: pg_restore.")
        }
        try requireIdle(store)
        var (newer, last) = (0, backup.at)
        try store.replay(
            event: { entry in
                guard entry.at > backup.at else { return }
                (newer, last) = (newer + 1, max(last, entry.at))
            }, report: { _ in })
        guard newer > 0, !isConfirmed else { return }
        throw ControllerError.setup(
            "databaseNewer",
            "The log in \(store.place) has \(newer == 1 ? "1 entry" : "\(newer) entries") after the backup of \(backup.at.wholeSeconds), the "
                + "last of \(last.wholeSeconds): packages and documents of that time are not in the backup, and a log that was "
                + "moved ahead cannot be moved back.",
            remedy:
                "Where this is the dump that was made right after the backup, say it again with --yes. Where controllers work "
                + "on that database, name another one in controller.json of the backup.")
    }

    private static func advance(
        _ store: any EventStore, _ folder: ControllerDirectory, _ backup: BackupRecord, at now: UTCInstant
    ) throws -> [String] {
        try store.replay(event: { _ in }, report: { _ in })
        guard let document = try store.document(RepositoryKeeper.documentName) else {
            throw ControllerError.store(
                "document", "The backup holds no state of the signed metadata.", remedy: "Use another backup.")
        }
        var state = try JSONCoding.decode(RepositoryState.self, from: document)
        let restored = ControllerRestored(backupAt: backup.at, lastKept: store.sequence)
        let event = NewEvent(actor: "slipway-controller restore", event: .controllerRestored(restored))
        state.checkpoint = try store.head.following([event], at: now).head.checkpoint
        let advanced = try RepositoryWriter.advance(state, by: jump, keys: KeyFolder.load(folder), at: now)
        let change = StoreChange(
            events: [event],
            documents: [RepositoryKeeper.documentName: try JSONCoding.value(of: advanced.change.state).wireBytes])
        _ = try store.append(change, expecting: store.sequence, at: now)
        return advanced.unsigned
    }
}
