import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust

/// What `slipway-controller init` makes, as a value before anything is written.
struct Initialisation: Sendable {
    var configuration: ControllerConfiguration

    var keyPlan: KeyPlan

    /// - Parameter names: names and addresses beside the usual ones that the server's certificate is for.
    /// - Throws: `controller.setup.profile`, `.environments`, `.listen`.
    init(
        listen: String, profile: String, environments: String, names: [String] = [], keyPlan: KeyPlan = .solo,
        database: String? = nil
    ) throws {
        guard let known = TrustProfile(rawValue: profile) else {
            throw ControllerError.setup(
                "profile", "There is no profile \(profile.debugDescription); there are solo, team and regulated.",
                remedy: "Use --profile solo, and keep in mind that its controller can install anything.")
        }
        self.keyPlan = keyPlan
        self.keyPlan.profile = known
        let address = try ListenAddress(listen)
        let list = try Self.environments(environments)
        let host = address.listensEverywhere ? NetworkAddress.hostName ?? "localhost" : address.host
        let usual = [host, "localhost", "127.0.0.1", "::1"] + (NetworkAddress.hostName.map { [$0] } ?? [])
        var all: [String] = []
        for name in names + usual where !all.contains(name) { all.append(name) }
        let reachable = ListenAddress(host: names.first ?? host, port: address.port)
        configuration = ControllerConfiguration(
            listen: address.description, url: "https://\(reachable)", names: all, profile: profile, environments: list,
            database: database)
    }

    private static func environments(_ text: String) throws -> [EnvironmentName] {
        let names = try text.split(separator: ",").map { try EnvironmentName(String($0)) }
        guard !names.isEmpty, Set(names).count == names.count, !names.contains(where: { $0.text == "emergency" }) else {
            throw ControllerError.setup(
                "environments", "\(text.debugDescription) is no list of environments.",
                remedy: "Write each name once, as staging,production; emergency is reserved.")
        }
        return names
    }

    /// Of a database that several may use: before a folder is made for a log that is somebody else's.
    private func refuseUsedDatabase(_ path: String) throws {
        guard let database = configuration.database else { return }
        let store = try PostgresStore(address: database)
        defer { try? store.close() }
        guard try store.lines(after: 0, limit: 1).isEmpty else {
            let wasCutShort = (try? Directory.open(path).status(ControllerDirectory.unfinishedName)) != nil
            throw ControllerError.conflict(
                "exists", "The database \(store.place) holds the log of a controller; nothing was written.",
                remedy: wasCutShort
                    ? "An init in \(path) was cut short. If the log is all that it left, make the database anew (dropdb NAME && "
                        + "createdb NAME), and run the same init again."
                    : "Use an empty database, or copy that controller's folder to run another one beside it.")
        }
    }

    /// Makes the controller in `path`. `controller.json` is written last: without it there is no controller. What an init that was
    /// cut short left, by a signal or a full disk, is removed first: nothing was ever signed with its keys.
    /// - Throws: `controller.conflict.exists` where the folder holds anything.
    /// - Returns: whether the folder was there, and others could look into it until now.
    @discardableResult
    func perform(
        in path: String, time: any TimeDoor = SystemTime(), random: any RandomDoor = SystemRandom()
    ) throws -> Bool {
        try keyPlan.check(controller: path)
        try refuseUsedDatabase(path)
        let directory = try Directory.create(path, mode: 0o700)
        try ControllerDirectory.clearUnfinished(directory)
        guard try directory.list().isEmpty else {
            throw ControllerError.conflict(
                "exists", "The folder \(path) is not empty; nothing was written.",
                remedy: "Choose another folder, or move what is in it away.")
        }
        let wasOpen = try directory.status().mode & 0o077 != 0
        if wasOpen { try directory.setMode(0o700) }
        let now = time.now()
        let folder = ControllerDirectory(directory: directory)
        try directory.writeDurably(ControllerDirectory.unfinishedName, [])
        // An init beside this one must not take what is being made for remains.
        let lock = try ControllerDirectory.lockForInit(directory)
        defer { lock.release() }
        for name in ["keys", "ca", "tls"] { try directory.createDirectory(name, mode: 0o700) }
        let authority = try makeCertificates(folder, random: random, at: now)
        let root = try makeRepository(folder, at: now)
        let token = Hexadecimal.encode(random.bytes(32))
        try writeRecord(folder, authority: authority, root: root.digest, change: root.change, token: token, at: now)
        try folder.writeSecret(ControllerDirectory.adminTokenName, token + "\n")
        try folder.write(
            ControllerDirectory.clientName,
            json: ClientConfiguration(
                url: configuration.url, authority: ControllerDirectory.authorityCertificateName,
                tokenFile: ControllerDirectory.adminTokenName))
        // Before there is a controller: from then on nothing in the folder may ever be taken for remains.
        try directory.removeFile(ControllerDirectory.unfinishedName)
        try folder.write(ControllerDirectory.configurationName, json: configuration)
        return wasOpen
    }

    private func makeCertificates(
        _ folder: ControllerDirectory, random: any RandomDoor, at now: UTCInstant
    ) throws -> CertificateAuthority {
        let authorityKey = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let authority = try CertificateAuthority.make(keyPEM: authorityKey, serial: random.bytes(20), at: now)
        try folder.writeSecret(ControllerDirectory.authorityKeyName, authorityKey)
        try folder.directory.writeDurably(
            ControllerDirectory.authorityCertificateName, Array(try authority.pem.utf8), mode: 0o644)
        try ServerCertificate.issue(folder, authority: authority, names: configuration.names, random: random, at: now)
        return authority
    }

    private func makeRepository(
        _ folder: ControllerDirectory, at now: UTCInstant
    ) throws -> (change: RepositoryChange, digest: SHA256Digest) {
        let made = try keyPlan.perform(folder)
        let change = try RepositoryWriter.create(
            made.setup, keys: made.keys, products: keyPlan.products, environments: configuration.environments, at: now)
        guard let root = change.files.first(where: { $0.name == RepositoryKeeper.firstRootName }) else {
            throw ControllerError.setup(
                "root", "The first metadata holds no \(RepositoryKeeper.firstRootName).",
                remedy: "This is a defect of Slipway: please report it.")
        }
        try RepositoryKeeper.publisher(folder).publish(RepositoryPublication(metadata: change.files))
        // Approvers pin it: they believe nothing that the controller says later.
        if let offline = keyPlan.offlineFolder {
            try Directory.open(offline).writeDurably("root.json", root.bytes, mode: 0o644)
        }
        return (change, SHA256Digest(of: root.bytes))
    }

    private func writeRecord(
        _ folder: ControllerDirectory, authority: CertificateAuthority, root: SHA256Digest, change: RepositoryChange,
        token: String, at now: UTCInstant
    ) throws {
        let store = try configuration.openStore(folder)
        let admin = PersonRecord(
            name: "admin", tokenHash: SHA256Digest(of: Array(token.utf8)), permissionSets: [.admin], expiresAt: nil)
        let initialised = ControllerInitialised(
            profile: configuration.profile, environments: configuration.environments, authority: try authority.digest,
            root: root)
        let events: [ControllerEvent] = [.initialised(initialised), .personAdded(admin)]
        _ = try store.append(
            StoreChange(
                events: events.map { NewEvent(actor: "slipway-controller init", event: $0) },
                documents: [RepositoryKeeper.documentName: try JSONCoding.value(of: change.state).wireBytes]),
            expecting: 0, at: now)
        try store.close()
    }
}

/// The server's own certificate, made anew by the authority when the old one nears its end.
enum ServerCertificate {
    static let renewalMargin = TimeSpan.days(60)

    static func issue(
        _ folder: ControllerDirectory, authority: CertificateAuthority, names: [String], random: any RandomDoor,
        at now: UTCInstant
    ) throws {
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let certificate = try authority.issueServer(keyPEM: key, names: names, serial: random.bytes(20), at: now)
        try folder.writeSecret(ControllerDirectory.serverKeyName, key)
        try folder.directory.writeDurably(
            ControllerDirectory.serverCertificateName, Array(certificate.utf8), mode: 0o644)
    }

    /// Also where it is of another authority, or a crash left it without its key.
    @discardableResult
    static func renewWhereDue(
        _ folder: ControllerDirectory, authority: CertificateAuthority, names: [String], random: any RandomDoor,
        at now: UTCInstant
    ) throws -> Bool {
        let certificate = try folder.text(ControllerDirectory.serverCertificateName)
        let facts = try CertificateFacts(pem: certificate)
        let isOurs = try authority.issued(certificate, keyPEM: folder.text(ControllerDirectory.serverKeyName))
        guard facts.notAfter < now + renewalMargin || !isOurs else { return false }
        try issue(folder, authority: authority, names: names, random: random, at: now)
        return true
    }
}
