import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust

/// `keys/` of the controller: `ROLE.pem` and `ROLE-*.pem`. Which of them lie there is what the profile comes to.
enum KeyFolder {
    static func load(_ folder: ControllerDirectory) throws -> RepositoryKeys {
        var keys = RepositoryKeys()
        for name in try files(folder) {
            let key = try SigningKey(pem: folder.text("keys/\(name)"))
            switch role(of: name) {
            case KeyName.root: keys.root.append(key)
            case KeyName.targets: keys.targets.append(key)
            case KeyName.snapshot: keys.snapshot.append(key)
            case KeyName.timestamp: keys.timestamp.append(key)
            case KeyName.director: keys.director.append(key)
            case KeyName.releases: keys.approvers.append(key)
            case KeyName.emergency: keys.emergency.append(key)
            default: continue
            }
        }
        return keys
    }

    static func files(_ folder: ControllerDirectory) throws -> [String] {
        try folder.directory.list("keys").filter { $0.kind == .file && $0.name.hasSuffix(".pem") }.map(\.name)
    }

    /// `root` of `root.pem` and `root-2.pem`.
    static func role(of name: String) -> String {
        String(name.dropLast(".pem".count).prefix { $0 != "-" })
    }
}

extension Controller {
    var profile: TrustProfile { TrustProfile(rawValue: state.profile ?? configuration.profile) ?? .solo }

    /// Reads `keys/` again, after somebody took keys away.
    func reloadKeys(by actor: String) throws -> [String] {
        let new = try KeyFolder.load(folder)
        guard !new.snapshot.isEmpty, !new.timestamp.isEmpty, !new.director.isEmpty else {
            throw ControllerError.conflict(
                "onlineKeys", "keys/ lacks the snapshot, the timestamp or the director key.",
                remedy: "Put it back: the controller signs with these every day. Only other keys go off it.")
        }
        let kept = Set(new.everyKey.map(\.publicKey))
        let gone = keys.everyKey.map(\.publicKey).filter { !kept.contains($0) }.map(\.keyID).sorted()
        setKeys(new)
        if !gone.isEmpty { try commit(.keysTakenOffline(KeysTakenOffline(keyIDs: gone)), by: actor, at: time.now()) }
        return gone
    }

    /// A new key for a role that the controller signs itself; the change needs the keys above it.
    func rotateOnline(_ role: String, by actor: String) throws -> ChangeOutcome {
        guard [KeyName.snapshot, KeyName.timestamp, KeyName.director].contains(role) else {
            throw ControllerError.badRequest(
                "role", "The controller does not make keys for \(role.debugDescription).",
                remedy: "It makes those of snapshot, timestamp and director; people make their own.")
        }
        let pem = try KeyGeneration.ed25519PrivateKeyPEM()
        let key = try SigningKey(pem: pem).publicKey
        try folder.writeSecret("keys/\(role)-\(key.keyID.prefix(12)).pem", pem)
        setKeys(try KeyFolder.load(folder))
        let signers = RoleSigners([KeyHolder(name: role, key: key)])
        let edit: RoleEdit =
            switch role {
            case KeyName.snapshot: .topKeys(RoleEdit.TopKeys(snapshot: signers))
            case KeyName.timestamp: .topKeys(RoleEdit.TopKeys(timestamp: signers))
            default: .delegatedKeys(RoleEdit.DelegatedKeys(director: signers))
            }
        try commit(.keyRotated(KeyRotated(role: role, keyID: key.keyID)), by: actor, at: time.now())
        return try change([edit], reason: "a new key of \(role)", by: actor)
    }

    /// Private keys that no metadata names any more, nor any change that waits, are deleted.
    func dropUnnamedKeys() throws {
        var named = Set(repository.keyIDs)
        for change in state.openChanges { for id in change.edits.flatMap(\.keyIDs) { named.insert(id) } }
        for name in try KeyFolder.files(folder) {
            let key = try SigningKey(pem: folder.text("keys/\(name)"))
            if !named.contains(key.publicKey.keyID) { try folder.directory.removeFile("keys/\(name)") }
        }
        setKeys(try KeyFolder.load(folder))
    }
}

extension RepositoryKeys {
    var everyKey: [SigningKey] { all + snapshot + timestamp + director }
}

extension RoleEdit {
    /// Of the keys that it brings in.
    var keyIDs: [String] {
        let signers: [RoleSigners?] =
            switch self {
            case .topKeys(let it): [it.root, it.targets, it.snapshot, it.timestamp]
            case .delegatedKeys(let it): [it.director, it.approvers, it.emergency]
            default: []
            }
        return signers.compactMap { $0 }.flatMap(\.keys).map(\.keyID)
    }
}
