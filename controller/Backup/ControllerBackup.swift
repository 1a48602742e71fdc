import Effects
import ReleaseDefinition

/// `backup.json`, written last: a folder without it is no whole backup.
struct BackupRecord: Sendable, Codable {
    static let name = "backup.json"

    var at: UTCInstant
    /// Of the controller that made it.
    var version: String
    /// The end of the log in it; nil: the record lies in PostgreSQL and is not in here.
    var log: LogCheckpoint?
}

/// A copy of a controller's folder from which it can be set up again. The controller may run meanwhile: the record is
/// copied as of one moment, and everything that the record names lies there before it does.
enum ControllerBackup {
    /// Written anew from the record at the start, but for the older roots.
    private static let remade: Set<String> = ["targets", "director"]
    private static let left: Set<String> = [ControllerDirectory.workName, BackupRecord.name]

    /// Beside the folder that is made, until it is whole.
    static let unfinished = ".unfinished"
    /// The same, while one that failed is removed.
    private static let failed = ".failed"

    /// Writes beside the folder and gives it its name at the end. One that is there already may be where a medium is mounted,
    /// and cannot be given a name: it is written into, and without its `backup.json` it is no backup either.
    /// - Throws: `controller.conflict.exists` where the folder holds anything, `controller.setup.backupInside` where it lies in what is copied.
    static func make(of path: String, in output: String, at now: UTCInstant) throws -> BackupRecord {
        var output = output
        while output.count > 1, output.last == "/" { output.removeLast() }
        try refuse(output, within: path)
        if (try? Directory.open(output)) != nil {
            let there = try emptyFolder(output)
            let lock = try lock(there)
            defer { lock.release() }
            guard try there.list().allSatisfy({ $0.name == lockName }) else {
                throw notEmpty(output)
            }
            defer { try? there.removeFile(lockName) }
            do { return try write(path, output, there, at: now) } catch {
                try? clear(there)
                throw error
            }
        }
        let (folder, last) = Directory.split(output)
        // Found out before it was copied for an hour.
        if let kind = try? Directory.open(folder).status(last)?.kind, kind != .directory {
            throw ControllerError.conflict(
                "exists", "\(output) is there and is no folder; nothing was written.", remedy: "Choose another name.")
        }
        let name = last + unfinished
        let there = try Directory.create(output + unfinished, mode: 0o700)
        let above = try Directory.open(folder)
        let lock = try claim(there, as: name, in: above)
        defer { lock.release() }
        do {
            // Of one that was killed; nothing else has these names.
            try clear(there)
            try above.removeTree(last + failed)
            try there.setMode(0o700)
            let record = try write(path, there.path, there, at: now)
            // The lock stays until it has its name: nobody else may take it for one that was killed.
            try above.rename(name, to: last)
            try? there.removeFile(lockName)
            return record
        } catch {
            // What failed takes no space, least of all on a disk that is full. First it loses the name by which others find it.
            try? above.renameUnsynced(name, to: last + failed)
            try? above.removeTree(last + failed)
            throw error
        }
    }

    /// A copy in the folder that it is made of would copy itself, on and on. By whatever name and links it is called: the kernel is asked
    /// for each folder above it.
    static func refuse(_ output: String, within path: String) throws {
        // One that is not there is refused where it is read.
        guard let controller = try? Directory.open(path).status() else { return }
        var place = output
        while (try? Directory.open(place)) == nil { place = Directory.split(place).folder }
        while true {
            let here = try Directory.open(place).status()
            if here.inode == controller.inode, here.device == controller.device {
                throw ControllerError.setup(
                    "backupInside", "\(output) lies in \(path), which is to be copied; nothing was written.",
                    remedy: "Choose a folder outside of \(path), best on another disk.")
            }
            place += "/.."
            let above = try Directory.open(place).status()
            if above.inode == here.inode, above.device == here.device { return }
        }
    }

    private static let lockName = ".lock"

    /// - Throws: `controller.conflict.exists` where another has it, or had it when it was opened here: then it is that one's backup
    ///   by now, and whole.
    static func claim(_ there: Directory, as name: String, in above: Directory) throws -> DirectoryLock {
        let lock = try lock(there)
        let (found, own) = (try above.status(name), try there.status())
        guard let found, found.inode == own.inode, found.device == own.device else {
            try? there.removeFile(lockName)
            throw busy(there)
        }
        return lock
    }

    private static func lock(_ there: Directory) throws -> DirectoryLock {
        guard let lock = try there.lock() else { throw busy(there) }
        return lock
    }

    private static func busy(_ there: Directory) -> ControllerError {
        .conflict("exists", "Another backup is being written to \(there.path).", remedy: "Wait for its end.")
    }

    private static func clear(_ there: Directory) throws {
        for entry in try there.list() where entry.name != lockName { try there.removeTree(entry.name) }
    }

    private static func write(
        _ path: String, _ output: String, _ there: Directory, at now: UTCInstant
    ) throws -> BackupRecord {
        var folder = try ControllerDirectory.open(path)
        let configuration = try folder.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        folder.sharedRepository = configuration.repository
        var log: LogCheckpoint?
        if configuration.database == nil {
            log = try SQLiteStore.copy(
                folder.path(ControllerDirectory.databaseName), to: output + "/" + ControllerDirectory.databaseName)
        }
        for entry in try folder.directory.list() where !left.contains(entry.name) {
            let isRecord = entry.name.hasPrefix(ControllerDirectory.databaseName)
            if isRecord || entry.name.hasPrefix(".") || entry.name == ControllerDirectory.repositoryName { continue }
            if entry.name == LifecycleFiles.folderName, folder.sharedRepository != nil { continue }
            try copy(entry.name, in: folder.directory, to: there)
        }
        try copyRepository(
            folder.repository(), to: there.createDirectory(ControllerDirectory.repositoryName))
        if folder.sharedRepository != nil {
            let target = try there.createDirectory(LifecycleFiles.folderName, mode: 0o700)
            let evidence = try folder.evidence()
            for entry in try evidence.list() { try copy(entry.name, in: evidence, to: target) }
        }
        let record = BackupRecord(at: now, version: SlipwayVersion.text, log: log)
        // Names in folders of folders too, before the record says that all is there.
        try there.syncFileSystem()
        try there.writeDurably(BackupRecord.name, JSONCoding.value(of: record).prettyBytes)
        return record
    }

    private static func notEmpty(_ path: String) -> ControllerError {
        .conflict("exists", "The folder \(path) is not empty; nothing was written.", remedy: "Choose another folder.")
    }

    static func emptyFolder(_ path: String) throws -> Directory {
        let there = try Directory.create(path, mode: 0o700)
        guard try there.list().isEmpty else { throw notEmpty(path) }
        try there.setMode(0o700)
        return there
    }

    private static func copyRepository(_ from: Directory, to there: Directory) throws {
        for entry in try from.list() where entry.kind == .directory && !remade.contains(entry.name) {
            let (inner, target) = (try from.directory(entry.name), try there.createDirectory(entry.name))
            let isMetadata = entry.name == "metadata"
            for file in try inner.list() where !file.name.hasPrefix(".") {
                if isMetadata, !file.name.hasSuffix(".root.json") { continue }
                try copy(file.name, in: inner, to: target)
            }
            try target.sync()
        }
    }

    /// What goes away while it is copied was not needed any more.
    static func copy(_ name: String, in from: Directory, to there: Directory) throws {
        guard let status = try from.status(name) else { return }
        switch status.kind {
        case .directory:
            let (inner, target) = (try from.directory(name), try there.createDirectory(name, mode: 0o700))
            for entry in try inner.list() { try copy(entry.name, in: inner, to: target) }
            try target.setMode(status.mode)
        case .file:
            let (source, target) = (try from.openFile(name), try there.createFile(name, mode: 0o600))
            if try !target.clone(source) {
                while case let piece = try source.read(upTo: 1 << 20), !piece.isEmpty { try target.write(piece) }
            }
            try target.setMode(status.mode)
            try target.sync()
        case .symlink: try there.createSymlink(name, to: from.readLink(name))
        case .other: break
        }
    }
}
