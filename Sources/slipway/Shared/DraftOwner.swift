import Effects
import FoundationEssentials
import Glibc
import ReleaseDefinition

/// Who answers for a release whose definition a command writes: true as it stands, so that the file need not be edited.
enum DraftOwner {
    /// What earlier drafts said, for somebody to write over.
    static let placeholder = "WHO ANSWERS FOR IT"
    /// As a definition takes it.
    private static let lengthMax = 100

    /// The person that git commits as in this folder; without git, or a name there, `ann@build-7`: the account and its machine.
    static func current(
        in folder: Directory, environment: [String: String] = ProcessInfo.processInfo.environment,
        processes: any ProcessDoor = LiveProcesses()
    ) async -> String {
        // env finds git where the person's own shell does, and ends with a code of its own where there is none.
        let asked = try? await processes.run(
            ProcessCommand(
                executable: "/usr/bin/env", arguments: ["git", "config", "--get", "user.name"],
                environment: environment, workingDirectory: OutputFile.realPath(folder.path) ?? "/",
                timeout: .seconds(5)))
        if let asked, asked.end == .exited(0), let name = usable(asked.output) { return name }
        return account
    }

    static var account: String {
        var buffer = [CChar](repeating: 0, count: 65)
        let known = gethostname(&buffer, buffer.count - 1) == 0
        let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let user = SystemUser.name(of: SystemUser.current)
        return known && !host.isEmpty ? "\(user)@\(host)" : user
    }

    /// One line, as `git config` ends it, that a definition takes; nil: it is none.
    private static func usable(_ output: String) -> String? {
        let line = output.hasSuffix("\n") ? String(output.dropLast()) : output
        guard line.contains(where: { !$0.isWhitespace }), line.count <= lengthMax,
            !line.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return nil }
        return line
    }

    /// Of a definition that still says the words of a draft instead of an owner.
    static func notice(_ definition: ReleaseDefinition) -> String? {
        guard definition.owner == placeholder else { return nil }
        return
            "owner of \(definition.name) is still \"\(placeholder)\", the words of a draft: write who answers for it."
    }
}
