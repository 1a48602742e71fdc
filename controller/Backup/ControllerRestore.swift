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
    static func perform(
        from backup: String, to path: String, advance: Bool, kit: (path: String, passphrase: [UInt8])? = nil,
        at now: UTCInstant
    ) throws -> Outcome {
        let from = try Directory.open(backup)
        guard let bytes = try from.readIfPresent(BackupRecord.name, sizeMax: ByteCount(1 << 20)),
            let record = try? JSONCoding.decode(BackupRecord.self, from: bytes)
        else {
            throw ControllerError.setup(
                "backup", "\(backup) is no whole backup: it holds no \(BackupRecord.name).",
                remedy: "Name a folder that slipway-controller backup wrote to its end.")
        }
        let there = try ControllerBackup.emptyFolder(path)
        // The configuration makes it a controller: last.
        for entry in try from.list()
        where entry.name != BackupRecord.name && entry.name != ControllerDirectory.configurationName {
            try ControllerBackup.copy(entry.name, in: from, to: there)
        }
        var outcome = Outcome(backup: record)
        let configuration = try ControllerDirectory(directory: from)
            .json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        let folder = ControllerDirectory(directory: there, sharedRepository: configuration.repository)
        if let kit {
            try RecoveryKit.unpack(kit.path, passphrase: kit.passphrase, into: folder, configuration.profile)
        }
        if advance {
            let store = try configuration.openStore(folder)
            outcome.unsigned = try self.advance(store, folder, record, at: now)
            try store.close()
        }
        try there.sync()
        try folder.write(ControllerDirectory.configurationName, json: configuration)
        return outcome
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
