import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust

/// What is kept far from the controller for the day on which it is gone: the keys of root and targets, encrypted, the root that
/// hosts pinned, and a sheet that says what to do. Never the keys that sign every day, nor people's.
///
///     root.pem  targets.pem  …  root.json  RECOVERY.txt
enum RecoveryKit {
    static let sheetName = "RECOVERY.txt"
    static let rootName = "root.json"
    private static let roles = [KeyName.root, KeyName.targets]
    private static let fileSizeMax = ByteCount(1 << 20)

    /// - Parameter keys: the folder with the keys that do not lie on the controller; nil: its own.
    /// - Returns: the passphrase, which is kept nowhere.
    /// - Throws: `controller.conflict.exists`, `controller.setup.kit`.
    static func make(
        of path: String, keys: String?, in output: String, random: any RandomDoor = SystemRandom(), at now: UTCInstant
    ) throws -> String {
        let folder = try ControllerDirectory.open(path)
        guard !(output + "/").hasPrefix(path + "/") else {
            throw ControllerError.setup(
                "kit", "The folder \(output) is inside the controller's own folder.",
                remedy: "Name one elsewhere, on a removable medium.")
        }
        let configuration = try folder.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        let source = try keys.map { try Directory.open($0) } ?? folder.directory.directory("keys")
        let names = try source.list().filter { $0.kind == .file && isOurs($0.name) }.map(\.name).sorted()
        guard names.contains(where: { KeyFolder.role(of: $0) == KeyName.root }) else {
            throw ControllerError.setup(
                "kit", "No key of root is in \(source.path).",
                remedy:
                    "Name the folder that holds root's keys with --keys: that of --offline-keys, or of slipway keys offline."
            )
        }
        let passphrase = Self.passphrase(random)
        let there = try ControllerBackup.emptyFolder(output)
        var keyIDs: [(String, String)] = []
        for name in names {
            let pem = String(decoding: try source.read(name, sizeMax: fileSizeMax), as: UTF8.self)
            let encrypted = try KeyGeneration.encrypted(pem: pem, passphrase: Array(passphrase.utf8))
            // Read back, as whoever needs it will.
            let key = try SigningKey(pem: encrypted, passphrase: Array(passphrase.utf8))
            try there.writeDurably(name, Array(encrypted.utf8), mode: 0o600)
            keyIDs.append((name, key.publicKey.keyID))
        }
        let root = try folder.firstRoot(configuration)
        try there.writeDurably(rootName, root, mode: 0o644)
        let sheet = sheet(configuration, keyIDs, SHA256Digest(of: root), at: now)
        try there.writeDurably(sheetName, Array(sheet.utf8), mode: 0o644)
        return passphrase
    }

    /// Puts the keys of a kit back that a backup lacks; in the profile solo alone, where they belong on the controller.
    static func unpack(_ kit: String, passphrase: [UInt8], into folder: ControllerDirectory, _ profile: String) throws {
        guard profile == TrustProfile.solo.rawValue else {
            throw ControllerError.setup(
                "kit", "In the profile \(profile) the keys of root and targets do not lie on the controller.",
                remedy:
                    "Restore without --kit, and sign with the kit's keys: slipway keys sign CHANGE --key-file root-1.pem."
            )
        }
        let source = try Directory.open(kit)
        let known = Set(
            try KeyFolder.files(folder).map { try SigningKey(pem: folder.text("keys/\($0)")).publicKey.keyID })
        for entry in try source.list() where entry.kind == .file && isOurs(entry.name) {
            let pem = String(decoding: try source.read(entry.name, sizeMax: fileSizeMax), as: UTF8.self)
            guard !known.contains(try SigningKey(pem: pem, passphrase: passphrase).publicKey.keyID) else { continue }
            try folder.writeSecret("keys/\(entry.name)", KeyGeneration.decrypted(pem: pem, passphrase: passphrase))
        }
    }

    private static func isOurs(_ name: String) -> Bool {
        name.hasSuffix(".pem") && roles.contains(KeyFolder.role(of: name))
    }

    /// 160 bits, in letters and digits that nobody confuses on paper.
    private static func passphrase(_ random: any RandomDoor) -> String {
        let letters = Array("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        let text = random.bytes(32).map { letters[Int($0) % letters.count] }
        return stride(from: 0, to: text.count, by: 4).map { String(text[$0..<$0 + 4]) }.joined(separator: "-")
    }

    private static func sheet(
        _ configuration: ControllerConfiguration, _ keys: [(name: String, keyID: String)], _ root: SHA256Digest,
        at now: UTCInstant
    ) -> String {
        """
        RECOVERY KIT of the Slipway controller \(configuration.url)
        Made \(now.wholeSeconds), profile \(configuration.profile). Print this sheet; keep the kit off the controller, and its
        passphrase on paper in another place. Whoever has both can name new keys to every host.

        In this folder
        \(keys.map { "  \($0.name)  key \($0.keyID)" }.joined(separator: "\n"))
          root.json  the root that hosts pinned, SHA-256 \(root.hex)
        The keys are PKCS#8 under the passphrase; openssl pkey -in root.pem -noout opens one, and says whether you have it right.

        The controller is gone, and there is a backup
          1. On another machine with the same name or address: install slipway-controller.
          2. slipway-controller restore --from BACKUP --dir DIR --advance
             Where the backup lacks the key of root (solo): add --kit THIS-FOLDER --passphrase-file FILE.
          3. slipway-controller run --dir DIR
          4. slipway doctor --dir DIR. Hosts come back by themselves; submit the releases again that came after the backup.

        The controller, or a backup of it, was stolen
          After 1 to 4:  slipway keys rotate timestamp   slipway keys rotate snapshot   slipway keys rotate director
          In team and regulated each is signed with a key of this folder: slipway keys sign CHANGE --key-file root-1.pem
          Then slipway hosts authority rotate, and new tokens for people.

        There is no backup at all
          What hosts run goes on, and back-outs that they decide themselves. A new controller is made with slipway-controller init,
          and each host joins it again (slipway-agent join): the log and the packages are lost.

        Try it once a year: docs/operations.md, "The recovery kit".

        """
    }
}

extension ControllerDirectory {
    func firstRoot(_ configuration: ControllerConfiguration) throws -> [UInt8] {
        var folder = self
        folder.sharedRepository = configuration.repository
        return Array(try folder.firstRoot().utf8)
    }
}
