import Effects
import Glibc
import ReleaseDefinition

/// The controller's folder: where each thing lies, and nothing else about it.
///
///     controller.json  client.json  admin.token  keys/*.pem  ca/  tls/  events.sqlite  repository/
struct ControllerDirectory: Sendable {
    static let configurationName = "controller.json"
    static let clientName = "client.json"
    static let adminTokenName = "admin.token"
    static let authorityCertificateName = "ca/authority.pem"
    static let authorityKeyName = "ca/authority.key.pem"
    static let serverCertificateName = "tls/server.pem"
    static let serverKeyName = "tls/server.key.pem"
    static let databaseName = "events.sqlite"
    static let repositoryName = "repository"
    static let workName = "work"
    private static let fileSizeMax = ByteCount(1 << 20)

    let directory: Directory
    /// Where `repository/` lies elsewhere: on storage that several controllers share.
    var sharedRepository: String?

    /// - Throws: `controller.setup.notInitialised` where there is no controller in it.
    /// Programs of the folder are started by their whole path, wherever the controller's own folder is.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return String(cString: here) + "/" + path
    }

    static func open(_ path: String) throws -> ControllerDirectory {
        let absent = ControllerError.setup(
            "notInitialised", "There is no controller in \(path).",
            remedy: "Make one with: slipway-controller init --dir \(path.shellWord)")
        let directory: Directory
        do {
            directory = try Directory.open(absolute(path))
        } catch let error as EffectsError where error.code == "effects.file.absent" {
            throw absent
        }
        guard try directory.status(configurationName) != nil else {
            guard try directory.status(unfinishedName) != nil else { throw absent }
            throw ControllerError.setup(
                "notInitialised", "There is no controller in \(path): the init of it was cut short.",
                remedy:
                    "Run the same slipway-controller init again: it removes what was left, and begins anew. Where you named "
                    + "them, give it another, empty folder as --offline-keys, and make the database of --database anew first: "
                    + "dropdb NAME && createdb NAME")
        }
        return ControllerDirectory(directory: directory)
    }

    /// There while `init` is at work, and after one that was cut short.
    static let unfinishedName = "init-unfinished"

    static func lockForInit(_ directory: Directory) throws -> DirectoryLock {
        guard let lock = try directory.lock() else {
            throw ControllerError.conflict(
                "exists", "Another init is making a controller in \(directory.path).",
                remedy: "Wait for its end, or choose another folder.")
        }
        return lock
    }

    /// Removes what an init made that did not end. Whatever else lies there stays.
    static func clearUnfinished(_ directory: Directory) throws {
        guard try directory.status(unfinishedName) != nil, try directory.status(configurationName) == nil else {
            return
        }
        let lock = try lockForInit(directory)
        defer { lock.release() }
        let made = ["keys", "ca", "tls", "repository", ".lock", adminTokenName, clientName]
        for entry in try directory.list() where made.contains(entry.name) || entry.name.hasPrefix(databaseName) {
            try directory.removeTree(entry.name)
        }
        // Last: until then it is an init that was cut short.
        try directory.removeFile(unfinishedName)
    }

    /// - Throws: `controller.setup.folderMode` where others may put files into the folder: keys, tokens, the record.
    /// - Returns: the mode it had, where others could look into it; it is closed to them then.
    func closeToOthers() throws -> String? {
        let mode = try directory.status().mode & 0o777
        guard mode & 0o022 != 0 else {
            guard mode & 0o077 != 0 else { return nil }
            try directory.setMode(0o700)
            return String(mode, radix: 8)
        }
        throw ControllerError.setup(
            "folderMode", "The folder \(directory.path) has mode \(String(mode, radix: 8)): others may write into it.",
            remedy: "Look at what is in it, then: chmod 700 \(directory.path)")
    }

    /// The published files.
    func repository() throws -> Directory {
        if let sharedRepository { return try Directory.open(sharedRepository) }
        return try directory.directory(Self.repositoryName)
    }

    /// Documents of evidence and baselines: not public, so not beside the published files.
    func evidence() throws -> Directory {
        guard let sharedRepository else {
            return try directory.createDirectory(LifecycleFiles.folderName, mode: 0o700)
        }
        // Beside what is published, on the storage that is shared.
        let parent = sharedRepository.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        return try Directory.create("\(parent)/\(LifecycleFiles.folderName)", mode: 0o700)
    }

    /// The exact text that hosts pin.
    func firstRoot() throws -> String {
        let bytes = try repository().read("metadata/\(RepositoryKeeper.firstRootName)", sizeMax: Self.fileSizeMax)
        return String(decoding: bytes, as: UTF8.self)
    }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    func text(_ name: String) throws -> String {
        let bytes = try directory.read(name, sizeMax: Self.fileSizeMax)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ControllerError.setup(
                "file", "The file \(path(name)) is not text.", remedy: "Restore it from a backup.")
        }
        return text
    }

    func json<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        do {
            return try JSONCoding.decode(type, from: try directory.read(name, sizeMax: Self.fileSizeMax))
        } catch let error as DefinitionError {
            throw ControllerError.setup(
                "file", "The file \(path(name)) cannot be read.", remedy: "Correct it or restore it from a backup.",
                cause: error.summary)
        }
    }

    func write(_ name: String, json value: some Encodable) throws {
        try directory.writeDurably(name, try JSONCoding.value(of: value).prettyBytes, mode: 0o644)
    }

    func writeSecret(_ name: String, _ text: String) throws {
        try directory.writeDurably(name, Array(text.utf8), mode: 0o600)
    }
}

/// `controller.json`: what an operator may change between two runs.
struct ControllerConfiguration: Sendable, Codable {
    /// `HOST:PORT`.
    var listen: String
    /// Where hosts and people reach it: `https://HOST:PORT`.
    var url: String
    /// What else the server's certificate is for: names and addresses.
    var names: [String]
    var profile: String
    /// In the order of promotion.
    var environments: [EnvironmentName]
    /// How often one may ask; nil: `RateRules` as they are.
    var limits: RateRules?
    /// Channels that hosts follow together and do not say so, because they report to nobody: each set gets its file.
    var channelSets: [[ChannelName]]?
    /// A connection string of PostgreSQL; nil: `events.sqlite` in the folder.
    var database: String?
    /// An absolute path where `repository/` lies, and `evidence/` beside it, for controllers that share a database; nil: in the folder.
    var repository: String?
    /// Packages that nobody needs are removed; nil: none is.
    var retention: RetentionRules?
    /// How long it goes on serving after it was asked to end, while `/readyz` says that it ends; at most a minute. nil: 5 s
    /// where others share the record, in which the proxy before them notices; else not at all.
    var drain: TimeSpan?
    /// Addresses and networks of proxies, which begin each connection with a PROXY header of version 2 and are believed
    /// what it names; nil: none.
    var proxies: [String]?

    var drainTime: TimeSpan { min(drain ?? (database == nil ? .zero : .seconds(5)), .minutes(1)) }

    func openStore(_ folder: ControllerDirectory) throws -> any EventStore {
        if let database { return try PostgresStore(address: database) }
        return try SQLiteStore(path: folder.path(ControllerDirectory.databaseName))
    }

    /// A database that controllers may be using stays as it is.
    func openStoreToRead(_ folder: ControllerDirectory) throws -> any EventStore {
        if let database { return try PostgresStore(unchanged: database) }
        return try openStore(folder)
    }
}

/// `client.json`: what `slipway --dir DIR` reads. Paths are relative to the folder.
struct ClientConfiguration: Sendable, Codable {
    var url: String
    var authority: String
    var tokenFile: String
}

/// Which Ed25519 key signs what: `keys/ROLE.pem`, `keys/ROLE-*.pem`. In the profile solo all lie there.
enum KeyName {
    static let root = "root"
    static let targets = "targets"
    static let snapshot = "snapshot"
    static let timestamp = "timestamp"
    static let director = "director"
    static let releases = "releases"
    static let emergency = "emergency"
    static let all = [root, targets, snapshot, timestamp, director, releases, emergency]
}

extension ControllerDirectory {
    /// A file that a person named, by any path.
    static func readFile(at path: String, sizeMax: ByteCount) throws -> [UInt8] {
        let (folder, name) = Directory.split(path)
        return try Directory.open(folder).read(name, sizeMax: sizeMax)
    }
}
