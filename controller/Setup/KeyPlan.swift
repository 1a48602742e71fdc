import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust

/// Which keys a new controller starts with, who holds them, and where the private halves go.
struct KeyPlan: Sendable {
    var profile: TrustProfile
    /// Where the keys go that must not lie on the controller; nil only for the profile solo.
    var offlineFolder: String?
    /// People who made their keys themselves.
    var approvers: [KeyHolder] = []
    var emergency: [KeyHolder] = []
    var threshold = 2
    var products: [ProductName] = []

    static let solo = KeyPlan(profile: .solo)

    /// Keys that `perform` makes, for each role: how many, and how many of them must sign.
    private var counts: (root: (keys: Int, threshold: Int), approvers: Int, emergency: Int) {
        switch profile {
        case .solo: ((1, 1), 1, 1)
        // The second root key is the spare in the safe.
        case .team: ((2, 1), 3, 0)
        case .regulated: ((5, 3), 3, 3)
        }
    }

    /// - Throws: `controller.setup.offlineKeys`, `controller.setup.approvers`.
    func check(controller: String) throws {
        guard profile != .solo else {
            guard offlineFolder == nil, approvers.isEmpty, emergency.isEmpty else {
                throw ControllerError.setup(
                    "offlineKeys", "In the profile solo all keys lie on the controller.",
                    remedy: "Choose --profile team or regulated for keys that people hold.")
            }
            return
        }
        guard let offlineFolder else {
            throw ControllerError.setup(
                "offlineKeys", "The profile \(profile.rawValue) has keys that must not lie on the controller.",
                remedy: "Name a folder on a removable medium with --offline-keys DIR.")
        }
        guard !(offlineFolder + "/").hasPrefix(controller + "/") else {
            throw ControllerError.setup(
                "offlineKeys", "The folder \(offlineFolder) is inside the controller's own folder.",
                remedy: "Name one elsewhere, on a removable medium.")
        }
        guard threshold >= 2 else {
            throw ControllerError.setup(
                "approvers",
                "With --threshold \(threshold) one person alone approves, which is no \(profile.rawValue).",
                remedy: "Let at least 2 sign, or choose --profile solo.")
        }
        let both =
            Set(approvers.map(\.name)).intersection(emergency.map(\.name)).sorted()
            + approvers.filter { one in emergency.contains { $0.key == one.key && $0.name != one.name } }.map(\.name)
        guard profile != .regulated || both.isEmpty else {
            throw ControllerError.setup(
                "emergency", "\(both.joined(separator: ", ")) would approve releases and hot fixes.",
                remedy: "In the profile regulated these are different people: name others with --emergency-person.")
        }
        guard profile != .regulated || emergency.isEmpty || emergency.count >= threshold else {
            throw ControllerError.setup(
                "emergency", "\(threshold) of \(emergency.count) emergency people can never sign.",
                remedy: "Name at least \(threshold) with --emergency-person NAME=FILE.pub.")
        }
        guard approvers.isEmpty || approvers.count >= threshold else {
            throw ControllerError.setup(
                "approvers", "\(threshold) of \(approvers.count) approvers can never sign.",
                remedy: "Name at least \(threshold) with --approver NAME=FILE.pub, or lower --threshold.")
        }
        // Before anything is written: what is half made is in the way of the next try.
        for (role, people) in [(KeyName.releases, approvers), (KeyName.emergency, emergency)] where !people.isEmpty {
            try RoleSigners(people).check(role)
            for person in people { _ = try Controller.checkedPerson(person.name) }
        }
    }

    /// Makes the keys: online ones into the controller's folder, the others into the offline folder, each with its
    /// public half beside it.
    func perform(_ folder: ControllerDirectory) throws -> (setup: RepositorySetup, keys: RepositoryKeys) {
        var keys = RepositoryKeys()
        let online = KeyWriter(folder: folder.directory, prefix: "keys/", writesPublic: false)
        func onlineKey(_ role: String) throws -> (RoleSigners, [SigningKey]) {
            let made = try online.make(role, holder: role)
            return (RoleSigners([made.holder]), [made.key])
        }
        let snapshot = try onlineKey(KeyName.snapshot)
        let timestamp = try onlineKey(KeyName.timestamp)
        let director = try onlineKey(KeyName.director)
        (keys.snapshot, keys.timestamp, keys.director) = (snapshot.1, timestamp.1, director.1)
        let people = try offlineFolder.map {
            KeyWriter(folder: try Directory.create($0, mode: 0o700), prefix: "", writesPublic: true)
        }
        let writer = people ?? online
        func make(_ role: String, _ count: Int) throws -> [(holder: KeyHolder, key: SigningKey)] {
            if count == 1 { return [try writer.make(role, holder: role)] }
            return try (1...count).map { try writer.make("\(role)-\($0)", holder: "\(role)-\($0)") }
        }
        let root = try make(KeyName.root, counts.root.keys)
        let targets = try make(KeyName.targets, 1)
        (keys.root, keys.targets) = (root.map(\.key), targets.map(\.key))
        let products: ProductSigners
        if profile == .solo {
            let releases = try onlineKey(KeyName.releases)
            let emergency = try onlineKey(KeyName.emergency)
            (keys.approvers, keys.emergency) = (releases.1, emergency.1)
            products = ProductSigners(approvers: releases.0, emergency: emergency.0)
        } else {
            products = try peoplesKeys(make)
        }
        let setup = RepositorySetup(
            root: RoleSigners(root.map(\.holder), threshold: counts.root.threshold),
            targets: RoleSigners(targets.map(\.holder)), snapshot: snapshot.0, timestamp: timestamp.0,
            director: director.0, products: products)
        return (setup, keys)
    }

    /// Those that people brought; where they brought none, made for them to be handed out.
    private func peoplesKeys(
        _ make: (String, Int) throws -> [(holder: KeyHolder, key: SigningKey)]
    ) throws -> ProductSigners {
        let approving =
            try approvers.isEmpty ? make("approver", max(counts.approvers, threshold)).map(\.holder) : approvers
        let approverSigners = RoleSigners(approving, threshold: threshold)
        if emergency.isEmpty, profile == .team {
            return ProductSigners(approvers: approverSigners, emergency: approverSigners)
        }
        let rescuing = try emergency.isEmpty ? make("emergency", counts.emergency).map(\.holder) : emergency
        return ProductSigners(
            approvers: approverSigners,
            emergency: RoleSigners(rescuing, threshold: min(threshold, rescuing.count)))
    }
}

/// Writes new keys: `NAME.pem` (0600) and, for people, `NAME.pub`.
private struct KeyWriter {
    let folder: Directory
    let prefix: String
    let writesPublic: Bool

    func make(_ name: String, holder: String) throws -> (holder: KeyHolder, key: SigningKey) {
        let pem = try KeyGeneration.ed25519PrivateKeyPEM()
        let key = try SigningKey(pem: pem)
        let file = "\(prefix)\(name).pem"
        guard try folder.status(file) == nil else {
            throw ControllerError.conflict(
                "keyExists", "There is a key \(folder.path)/\(file) already; nothing is written over.",
                remedy: "Name an empty folder.")
        }
        try folder.writeDurably(file, Array(pem.utf8), mode: 0o600)
        if writesPublic {
            try folder.writeDurably("\(prefix)\(name).pub", Array(key.publicKey.fileText.utf8), mode: 0o644)
        }
        return (KeyHolder(name: holder, key: key.publicKey), key)
    }
}
