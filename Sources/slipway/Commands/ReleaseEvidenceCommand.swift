import AgentProtocol
import ArgumentParser
import ControllerAPI
import Effects
import FoundationEssentials
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseTrust

struct ReleaseEvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Signed statements about a package: tests, scans, rehearsals, sign-offs.",
        subcommands: [
            ReleaseEvidenceAddCommand.self, ReleaseEvidenceListCommand.self, ReleaseEvidenceShowCommand.self,
        ])
}

struct ReleaseEvidenceAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "State something about a package, bound to its digest and signed.",
        discussion: """
            The statement is an in-toto statement in a DSSE envelope. What tests (JUnit XML), scans (SARIF), bills of \
            materials (SPDX JSON) and provenances (SLSA) say is read from --file by this command and by the controller. In \
            the profile solo the controller signs for you; else --key-file does, with the key of one who approves releases. \
            --envelope sends what was signed already: by another tool, or by a host (slipway-agent rehearse FILE.slip --evidence FILE).
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var keyFile: KeyFileOptions

    @Flag(help: "Never ask for a passphrase.")
    var noInput = false

    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "What kind of evidence it is.")
    var kind: EvidenceKind?

    @Option(help: "The document that it rests on.")
    var file: String?

    @Option(help: "As whom, or which group: of sign-offs, training and hand-overs.")
    var about: String?

    @Option(help: "What it says, where no program reads the document.")
    var result: EvidenceSummary.Result = .passed

    @Option(help: "A DSSE envelope that was signed elsewhere; - is no file.")
    var envelope: String?

    func validate() throws {
        guard (kind == nil) != (envelope == nil) else {
            throw ValidationError("Say one of the two: --kind, or --envelope with a signed statement.")
        }
    }

    func run() async throws {
        let view = try await connection.withClient { client in
            let request = try await request(client)
            return try await client.addEvidence(release, request)
        }
        guard let added = view.evidence.last else { return }
        Talk.say("\(added.kind.words) of \(view.release): \(added.summary.words)")
        try output.print(EvidencePresentation(evidence: added))
    }

    private func request(_ client: ControllerClient) async throws -> EvidenceRequest {
        let document = try file.map { try InputFile.read($0, sizeMax: EvidenceRequest.documentMax) }
        var request = EvidenceRequest(
            documentName: file.map { Directory.split($0).name },
            document: document.map { Data($0).base64EncodedString() })
        if let envelope {
            let json = try JSONValue(
                parsing: InputFile.read(envelope, sizeMax: ByteCount(EvidenceStatement.sizeMax.value * 2)))
            // What slipway-agent rehearse wrote has the host's certificate beside it.
            let byHost = try? JSONCoding.decode(HostReceiptFile.self, from: json)
            (request.envelope, request.certificate) = (byHost?.envelope ?? json, byHost?.certificate)
            return request
        }
        guard let kind else { return request }
        // Read here first: what the controller would refuse is said before anything is sent.
        let summary = try EvidenceStatement.summary(of: document, kind: kind, result: result)
        guard !keyFile.files.isEmpty else {
            request.unsigned = .init(kind: kind, about: about, result: result)
            return request
        }
        let package = try await client.release(release).manifest
        let statement = EvidenceStatement(
            kind: kind, package: package, summary: summary, about: about, statedAt: SystemTime().now(),
            document: document.map {
                EvidenceDocument(
                    name: request.documentName ?? "document", sha256: SHA256Digest(of: $0), length: ByteCount($0.count))
            })
        request.envelope = try DSSEEnvelope.sign(
            statement.bytes(of: release), type: EvidenceStatement.payloadType, keys: keyFile.keys(noInput: noInput)
        ).json
        return request
    }
}

struct ReleaseEvidenceListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "What was stated about a release's package, by whom, and what it says.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let view = try await connection.withClient { try await $0.lifecycle(release) }
        try output.print(view.evidence.map(EvidencePresentation.init))
    }
}

struct ReleaseEvidenceShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print a statement's envelope, or the document that it rests on.")

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Argument(help: "The statement's id, as evidence list names it; the first eight digits are enough.")
    var id: String

    @Flag(help: "The document instead of the envelope.")
    var document = false

    func validate() throws {
        guard id.utf8.count >= 8, id.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw ValidationError("\(id.debugDescription) is no id: give eight digits of 0-9a-f or more.")
        }
    }

    func run() async throws {
        let bytes = try await connection.withClient {
            try await $0.evidence(release, id, part: document ? "document" : "envelope")
        }
        try StandardOutput.write(document ? bytes : bytes + [0x0A])
    }
}

extension EvidenceKind: ExpressibleByArgument {}
extension EvidenceSummary.Result: ExpressibleByArgument {}
