import ArgumentParser
import ReleaseDefinition

/// How a command says what it did.
enum AnswerFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

extension ControllerCommand {
    /// In words, or as a value of which later versions may say more, never less.
    /// - Throws: `controller.output`.
    static func answer(_ value: some Encodable, _ format: AnswerFormat, words: String) throws {
        guard format == .json else { return try show(words) }
        // `show` ends the line.
        let bytes = try JSONCoding.value(of: value).prettyBytes
        try show(String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self))
    }
}

struct InitialisedController: Sendable, Codable {
    var folder: String
    var listen: String
    var url: String
    var profile: String
    /// In the order of promotion.
    var environments: [EnvironmentName]
    /// Where the keys lie that are not on this machine; nil: all of them are.
    var offlineKeys: String?
    /// nil: none was made.
    var recoveryKit: WrittenRecoveryKit?
}

struct WrittenBackup: Sendable, Codable {
    var folder: String
    var backup: BackupRecord
}

struct RestoredController: Sendable, Codable {
    var folder: String
    var backup: BackupRecord
    /// Roles whose keys people hold: hosts that have seen newer metadata of them wait until those have signed.
    var unsigned: [String]
}

struct WrittenRecoveryKit: Sendable, Codable {
    var folder: String
    /// Kept nowhere else.
    var passphrase: String
}
