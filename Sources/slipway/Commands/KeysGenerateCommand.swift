import ArgumentParser
import Effects
import ReleaseDefinition
import ReleaseTrust

struct KeysGenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make a key of your own, on your machine: FILE.pem and FILE.pub.",
        discussion:
            "The private half is yours alone (0600, PKCS#8); hand the .pub to whoever runs slipway init or keys rotate."
    )

    @Option(help: "File of the private key; the public one lies beside it as .pub. Nothing is written over.")
    var output: String

    @Option(help: "Encrypts the key with the passphrase in this file; - is stdin.")
    var passphraseFile: String?

    @Option(help: "How the result is printed.")
    var format = OutputFormat.table

    func run() async throws {
        let passphrase = try passphraseFile.map(KeyFileOptions.passphrase)
        let key = try PersonKey.make(output, passphrase: passphrase)
        Talk.say(
            "Your key is in \(output)\(passphrase == nil ? ", not encrypted" : ", encrypted"). Hand on \(PersonKey.publicName(of: output))."
        )
        try OutputOptions(output: format).print(
            GeneratedKey(
                keyID: key.keyID, file: output, publicFile: PersonKey.publicName(of: output),
                isEncrypted: passphrase != nil))
    }
}

struct GeneratedKey: Presentable, Decodable {
    var keyID: String
    var file: String
    /// What is handed on.
    var publicFile: String
    var isEncrypted: Bool

    static let columns = ["KEY", "FILE", "PUBLIC FILE", "ENCRYPTED"]
    var cells: [String] { [keyID, file, publicFile, isEncrypted ? "yes" : "no"] }
    var name: String { keyID }
    var details: String { "\(keyID)\n" }
}

enum PersonKey {
    static func publicName(of file: String) -> String {
        (file.hasSuffix(".pem") ? String(file.dropLast(4)) : file) + ".pub"
    }

    static func make(_ file: String, passphrase: [UInt8]? = nil) throws -> PublicKey {
        let (folder, name) = Directory.split(file)
        let directory = try Directory.open(folder)
        guard try directory.status(name) == nil else {
            throw CommandError(
                code: "key.exists", summary: "There is a file \(file) already.",
                remedy: "Name another: a key that is written over is lost.")
        }
        let plain = try KeyGeneration.ed25519PrivateKeyPEM(passphrase: passphrase)
        let key = try SigningKey(pem: plain, passphrase: passphrase).publicKey
        try directory.writeDurably(name, Array(plain.utf8), mode: 0o600)
        try directory.writeDurably(publicName(of: name), Array(key.fileText.utf8), mode: 0o644)
        return key
    }

    /// `alice=alice.pub`
    static func holder(_ text: String) throws -> KeyHolder {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw ValidationError("\(text.debugDescription) names nobody: write NAME=FILE.pub.")
        }
        return KeyHolder(name: parts[0], key: try PublicKey(file: InputFile.readText(parts[1]) + "\n"))
    }
}
