import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseLifecycle

/// `change-management.json` in the controller's folder: outside systems that answer stages of approval chains.
struct ChangeManagementSettings: Sendable, Equatable, Codable {
    static let fileName = "change-management.json"
    /// Whom `https` systems are believed by; the system's authorities else.
    static let authorityName = "change-management/authority.pem"
    /// Of programs.
    static let folderName = "change-management"

    var systems: [ChangeSystem]
}

/// One outside system: either a webhook or a program.
struct ChangeSystem: Sendable, Equatable, Codable {
    struct Program: Sendable, Equatable, Codable {
        /// In `change-management/` of the controller's folder.
        var program: String
        var arguments: [String]?
    }

    struct Webhook: Sendable, Equatable, Codable {
        var url: String
        /// In the controller's folder: questions are signed with it, as notifications are.
        var secretFile: String?
    }

    /// Plans name it as `system:NAME`.
    var name: String
    var webhook: Webhook?
    var command: Program?
    /// How often it is asked while it has not decided.
    var every: TimeSpan?
    var timeout: TimeSpan?
}

/// What a system is asked.
struct ChangeQuestion: Sendable, Equatable, Codable {
    var release: ReleaseName
    var stage: String
    var environment: EnvironmentName
    var category: ReleaseCategory
    var type: ChangeType
    var summary: String
    var owner: String
    /// Of the plan, as approvals are about it.
    var plan: SHA256Digest
    var package: SHA256Digest
    var changes: [ReleaseChange]
    var schedule: PlannedSchedule?
}

/// What it answers.
struct ChangeAnswer: Sendable, Equatable, Codable {
    enum Verdict: String, Sendable, Codable { case approved, declined, pending }

    var answer: Verdict
    /// The change record there.
    var reference: String?
    var reason: String?
    var validUntil: UTCInstant?

    static func pending(_ reason: String) -> ChangeAnswer { ChangeAnswer(answer: .pending, reason: reason) }

    /// For the log.
    var words: String {
        let text = [reference, reason].compactMap { $0 }.joined(separator: ": ")
        return (text.isEmpty ? "no reason is given" : text).bounded(4000)
    }
}

/// Asks outside systems; bounded in time and in what they may answer, no redirect is followed, nothing goes through a shell.
/// A system that cannot be asked, or says something else, has not decided.
struct ChangeManagement: Sendable {
    static let everyDefault = TimeSpan.minutes(1)
    /// Questions whose answers are waited for at the same time.
    static let atOnceMax = 32
    private static let timeoutDefault = TimeSpan.seconds(30)
    private static let timeoutMax = TimeSpan.minutes(5)
    private static let answerMax = ByteCount(64 << 10)

    let folder: ControllerDirectory
    let time: any TimeDoor

    /// As the file is now; without one nobody is asked.
    func settings() throws -> [ChangeSystem] {
        guard try folder.directory.status(ChangeManagementSettings.fileName) != nil else { return [] }
        return try folder.json(ChangeManagementSettings.self, ChangeManagementSettings.fileName).systems
    }

    /// Never throws: who cannot be asked has not decided.
    func ask(_ question: ChangeQuestion, _ system: ChangeSystem) async -> ChangeAnswer {
        do {
            if let webhook = system.webhook { return try await ask(question, webhook, system) }
            if let program = system.command { return try await ask(question, program, system) }
            return .pending("\(system.name) has neither a webhook nor a command")
        } catch {
            return .pending(ReportedError(error).summary)
        }
    }

    private func ask(
        _ question: ChangeQuestion, _ webhook: ChangeSystem.Webhook, _ system: ChangeSystem
    ) async throws -> ChangeAnswer {
        let http = try SettledHTTP.live(folder, authority: ChangeManagementSettings.authorityName)
        let body = try JSONCoding.value(of: question).wireBytes
        var headers = [HTTPField("Content-Type", "application/json"), HTTPField("Accept", "application/json")]
        if let secret = try webhook.secretFile.map({ try folder.text($0).filter { !$0.isWhitespace } }) {
            headers += MessageAuthentication.headers(secret: secret, body: body, at: time.now())
        }
        let response = try await http.send(
            HTTPRequest(
                "POST", webhook.url, headers: headers, body: body, responseSizeMax: Self.answerMax,
                timeout: Self.timeout(of: system)))
        guard (200..<300).contains(response.status) else { return .pending("it answers \(response.status)") }
        guard let answer = try? JSONCoding.decode(ChangeAnswer.self, from: response.body) else {
            return .pending("it answers something else than {\"answer\": \"approved|declined|pending\", …}")
        }
        return answer
    }

    /// Exit code 0 is a yes, 1 a no, everything else no decision yet; the last line of what it prints is the reference, or
    /// the reason.
    private func ask(
        _ question: ChangeQuestion, _ program: ChangeSystem.Program, _ system: ChangeSystem
    ) async throws -> ChangeAnswer {
        let place = FolderProgram(folder: folder, directory: ChangeManagementSettings.folderName, name: program.program)
        if let trouble = try place.trouble() { return .pending(trouble) }
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: place.path, arguments: program.arguments ?? [], environment: Self.environment(question),
                workingDirectory: folder.path(ChangeManagementSettings.folderName),
                timeout: Self.timeout(of: system)))
        let line = FolderProgram.lastLine(of: result.output)
        switch result.end {
        case .exited(0): return ChangeAnswer(answer: .approved, reference: line)
        case .exited(1): return ChangeAnswer(answer: .declined, reason: line)
        default: return .pending(line.isEmpty ? "it ended with \(result.end)" : line)
        }
    }

    private static func timeout(of system: ChangeSystem) -> TimeSpan {
        min(system.timeout ?? timeoutDefault, timeoutMax)
    }

    private static func environment(_ question: ChangeQuestion) -> [String: String] {
        [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "SLIPWAY_RELEASE": question.release.description,
            "SLIPWAY_STAGE": question.stage, "SLIPWAY_ENVIRONMENT": question.environment.text,
            "SLIPWAY_CATEGORY": question.category.rawValue, "SLIPWAY_TYPE": question.type.rawValue,
            "SLIPWAY_OWNER": question.owner, "SLIPWAY_PLAN": question.plan.hex,
            "SLIPWAY_PACKAGE": question.package.hex,
            "SLIPWAY_CHANGES": question.changes.map(\.id).joined(separator: ","),
        ]
    }
}

/// HTTP as a file of authorities in the controller's folder wants it; without one, as the host believes.
enum SettledHTTP {
    static func live(_ folder: ControllerDirectory, authority name: String) throws -> any HTTPDoor {
        let own = try folder.directory.status(name) != nil
        let roots =
            own
            ? try folder.text(name)
            : try? String(
                decoding: Directory.open("/etc/ssl/certs").read("ca-certificates.crt", sizeMax: ByteCount(8 << 20)),
                as: UTF8.self)
        return try LiveHTTP(
            identity: roots.map { TLSIdentity(trustRoots: $0) }, userAgent: "slipway-controller/\(SlipwayVersion.text)")
    }
}

/// A program that an administrator has put into a folder of the controller's.
struct FolderProgram: Sendable {
    let path: String
    private let name: String
    private let folder: ControllerDirectory

    init(folder: ControllerDirectory, directory: String, name: String) {
        self.folder = folder
        self.name = "\(directory)/\(name)"
        path = folder.path(self.name)
    }

    /// Why it is not started; nil: it may be.
    func trouble() throws -> String? {
        guard let status = try folder.directory.status(name), status.kind == .file else {
            return "there is no program \(path)"
        }
        guard status.mode & 0o022 == 0, status.mode & 0o111 != 0 else {
            return "\(path) has the mode \(String(status.mode, radix: 8)): others may write it, or none run it"
        }
        return nil
    }

    /// Of what it printed, without control characters.
    static func lastLine(of output: String) -> String {
        let last = output.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) }.map(String.init) ?? ""
        return printable(last)
    }

    static func printable(_ line: String) -> String {
        String(
            String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }).prefix(300))
    }
}
