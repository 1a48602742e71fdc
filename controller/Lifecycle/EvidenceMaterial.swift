import ControllerAPI
import FoundationEssentials
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseTrust

/// What was sent as evidence, its signature verified, and read whole: documents of megabytes are read where only their sender
/// waits.
struct EvidenceMaterial: Sendable {
    struct Signer: Sendable {
        /// A person, or a host.
        var name: String
        var keyID: String
        /// What that key signed, and nothing else.
        var envelope: DSSEEnvelope
        /// It speaks of its own rehearsals, and of nothing else.
        var host: HostID?
    }

    enum Words: Sendable {
        case signed(Signer, EvidenceStatement)
        /// For the controller to state (profile solo), with what the document says.
        case unsigned(EvidenceRequest.Unsigned, EvidenceSummary)
    }

    let words: Words
    let document: [UInt8]?
    /// Where the document is found, of a statement that is still to be made.
    let place: EvidenceDocument?

    static let noRehearsal = ControllerError.forbidden(
        "rehearsal", "This is no rehearsal under the key of the host that it names.",
        remedy: "Nothing was taken. Send the file as slipway-agent rehearse FILE.slip --evidence FILE wrote it.")

    /// - Throws: as `init`, and `controller.access.…`.
    static func read(
        _ request: EvidenceRequest, about name: ReleaseName, at controller: Controller
    ) async throws -> EvidenceMaterial {
        guard let json = request.envelope else { return try EvidenceMaterial(request, by: nil) }
        let signer = try await controller.evidenceSigner(
            envelope(json), certificate: request.certificate, about: name)
        return try EvidenceMaterial(request, by: signer)
    }

    /// - Parameter signer: of the request's envelope, if it has one.
    /// - Throws: `controller.request.envelope`, `controller.request.document`, `controller.request.evidence`,
    ///   `lifecycle.evidence.…`.
    init(_ request: EvidenceRequest, by signer: Signer?) throws {
        let document = try Self.document(of: request)
        self.document = document
        if let signer {
            let statement = try Self.statement(signer.envelope.payload, by: signer)
            guard statement.host == signer.host || signer.host == nil else { throw Self.noRehearsal }
            try statement.check(document: document)
            words = .signed(signer, statement)
            place = nil
        } else if let unsigned = request.unsigned {
            words = .unsigned(
                unsigned,
                try EvidenceStatement.summary(of: document, kind: unsigned.kind, result: unsigned.result))
            place = document.map {
                EvidenceDocument(
                    name: String((request.documentName ?? "document").prefix(200)), sha256: SHA256Digest(of: $0),
                    length: ByteCount($0.count))
            }
        } else {
            throw ControllerError.badRequest(
                "evidence", "The request holds no statement.", remedy: "Send it with slipway release evidence add.")
        }
    }

    private static func statement(_ payload: [UInt8], by signer: Signer) throws -> EvidenceStatement {
        guard signer.host != nil else { return try EvidenceStatement(parsing: payload) }
        guard let statement = try? EvidenceStatement(parsing: payload) else { throw noRehearsal }
        return statement
    }

    static func envelope(_ json: JSONValue) throws -> DSSEEnvelope {
        do { return try DSSEEnvelope(json: json) } catch {
            throw ControllerError.badRequest("envelope", error.summary, remedy: error.remedy)
        }
    }

    private static func document(of request: EvidenceRequest) throws -> [UInt8]? {
        guard let text = request.document else { return nil }
        guard text.utf8.count <= Int(EvidenceRequest.documentMax.value) / 3 * 4 + 4,
            let data = Data(base64Encoded: text)
        else {
            throw ControllerError.badRequest(
                "document", "The document is no base 64, or longer than \(EvidenceRequest.documentMax).",
                remedy: "Send it with slipway release evidence add.")
        }
        return Array(data)
    }
}
