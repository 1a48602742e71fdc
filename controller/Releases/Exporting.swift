import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust
import X509

/// Packages for hosts that reach no controller: trust.md "What must hold" 7.
extension Controller {
    struct Export: Sendable {
        var file: OpenFile
        var size: Int64
        /// In the work folder; the caller removes it.
        var name: String
        var validUntil: UTCInstant
    }

    /// The director's word for one host or channel, with everything that proves it, in one file.
    func export(_ name: ReleaseName, _ request: ExportRequest, by actor: String) throws -> Export {
        let record = try release(name)
        try refuseRemovedPackage(record)
        let (audience, environment) = try audience(of: request, name)
        try refuseRevoked(record, in: environment)
        guard record.isApproved(in: environment) else { throw approvalMissing(name, in: environment) }
        let now = time.now()
        guard request.valid > .zero, request.valid <= ExportRequest.validMax else {
            throw ControllerError.badRequest(
                "valid", "A package is not made valid for \(request.valid).",
                remedy: "Ask for at most \(ExportRequest.validMax).")
        }
        let place = ApprovalPlace.environment(environment)
        let rollout = try RolloutID("x\(store.sequence)-\(Hexadecimal.encode(random.bytes(3)))")
        let assignment = Assignment(
            order: OrderID(rollout: rollout, action: .install), environment: environment, audience: audience,
            release: name, manifest: record.submitted.manifest, targetPath: TargetPath.manifest(place, name),
            counter: store.sequence, expiresAt: (now + request.valid).wholeSeconds,
            revoked: state.revoked(environment: environment, product: name.product))
        let trust = try exportedTrust(assignment, role: place.role(of: name.product))
        let event = ReleaseExported(
            release: name, host: request.host, channel: request.channel, rollout: rollout,
            validUntil: assignment.expiresAt)
        try commit(.releaseExported(event), by: actor, at: now)
        let limits = try repository.survey().filter { ["root", "targets"].contains($0.role) }.compactMap(\.expiresAt)
        let written = try write(record.submitted, trust: trust)
        return Export(
            file: written.file, size: written.size, name: written.name,
            validUntil: min(assignment.expiresAt, limits.min() ?? assignment.expiresAt))
    }

    private func audience(
        of request: ExportRequest, _ name: ReleaseName
    ) throws -> (AssignmentAudience, EnvironmentName) {
        switch (request.host, request.channel) {
        case (let host?, nil):
            guard let record = state.hosts[host] else {
                throw ControllerError.notFound("host \(host)", remedy: "List them with slipway hosts list.")
            }
            // Its receipt would be refused as well: better to know before somebody carries a medium there.
            if let refusal = ControllerError.refusal(of: host, record.identity.standing) { throw refusal }
            return (.host(host), record.environment)
        case (nil, let channel?):
            let environment = configuration.environments.first {
                ChannelName(environment: $0, product: name.product) == channel
            }
            guard let environment else {
                throw ControllerError.badRequest(
                    "channel", "\(channel) is no channel of \(name.product).",
                    remedy: "Name one as \(configuration.environments.first?.text ?? "staging").\(name.product).")
            }
            return (
                .channel(channel, bucketBound: HostBucket.everyoneBound, included: [], excluded: []), environment
            )
        default:
            throw ControllerError.badRequest(
                "audience", "A package is exported for one host or one channel.",
                remedy: "Give exactly one of --host and --channel.")
        }
    }

    private func exportedTrust(_ assignment: Assignment, role: String) throws -> [PackageFile.TrustFile] {
        let metadata = try folder.repository().directory("metadata")
        func published(_ role: String, _ version: Int64) throws -> [UInt8] {
            try metadata.read(MetadataFile.name(role: role, version: version), sizeMax: TrustLimits.targetsSizeMax)
        }
        var files: [PackageFile.TrustFile] = []
        let newest = repository.version(ofRole: "root")
        for version in stride(from: Int64(1), through: newest, by: 1) {
            files.append(
                PackageFile.TrustFile(
                    name: ExportedTrust.rootName(version), bytes: try published("root", version)))
        }
        files.append(
            PackageFile.TrustFile(
                name: ExportedTrust.targetsName,
                bytes: try published("targets", repository.version(ofRole: "targets"))))
        files.append(
            PackageFile.TrustFile(
                name: ExportedTrust.roleName, bytes: try published(role, repository.version(ofRole: role))))
        let envelope = try assignment.signed(by: keys.director)
        files.append(
            PackageFile.TrustFile(name: ExportedTrust.assignmentName, bytes: envelope.json.canonicalBytes))
        return files
    }

    private func write(
        _ submitted: ReleaseSubmitted, trust: [PackageFile.TrustFile]
    ) throws -> (file: OpenFile, size: Int64, name: String) {
        let work = try folder.directory.createDirectory(ControllerDirectory.workName, mode: 0o700)
        let name = "\(Hexadecimal.encode(random.bytes(8))).slip"
        let bytes = try publisher.blobs.read(
            BlobReference(sha256: submitted.manifest, length: submitted.manifestLength))
        do {
            try PackageFile.write(bytes, trust: trust, blobs: publisher.blobs, to: work.createFile(name, mode: 0o600))
        } catch {
            try? work.removeFile(name)
            throw error
        }
        let file = try work.openFile(name)
        return (file, try file.size().value, "\(ControllerDirectory.workName)/\(name)")
    }

    nonisolated func discard(_ export: Export) { try? folder.directory.removeFile(export.name) }
}

extension Controller {
    /// What a host without a network did, in its own words under its own key.
    /// - Throws: `controller.access.receipt`: not signed by a key of a host that may speak.
    func importReceipt(_ file: HostReceiptFile) async throws -> ReceiptView {
        let refused = ControllerError.forbidden(
            "receipt", "The receipt is not signed by the key of a host of this controller.",
            remedy: "Carry the file back as slipway-agent install wrote it, from a host that has joined.")
        guard let envelope = try? DSSEEnvelope(json: file.envelope),
            let host = host(thatSigned: envelope, type: HostReceipt.payloadType, certificate: file.certificate)
        else { throw refused }
        let receipt: HostReceipt
        do { receipt = try JSONCoding.decode(HostReceipt.self, from: envelope.payload) } catch {
            throw ControllerError.badRequest(
                "receipt", "The receipt cannot be read.", remedy: "Use an agent of this controller's version.",
                cause: "\(error)")
        }
        guard receipt.host == host.id else { throw refused }
        if let refusal = ControllerError.refusal(of: host.id, host.identity.standing) { throw refusal }
        let known = host.lastReport
        // The paper came, not the host: it was not seen.
        _ = try await store(receipt.reports, of: host.id, isContact: false)
        return ReceiptView(
            host: host.id, release: receipt.release, outcome: receipt.outcome.words,
            reports: receipt.reports.filter { $0.sequence > known }.count)
    }
}

extension Controller {
    /// nil: the key of no host of this controller did.
    func host(thatSigned envelope: DSSEEnvelope, type: String, certificate pem: String) -> HostRecord? {
        guard pem.utf8.count <= 1 << 16, let certificate = try? Certificate(pemEncoded: pem),
            let facts = try? CertificateFacts(pem: pem), let host = state.host(certificate: facts.fingerprint),
            envelope.payloadType == type, let signature = envelope.signatures.first?.bytes,
            certificate.publicKey.isValidSignature(
                signature, for: envelope.preAuthenticationEncoding, signatureAlgorithm: .ecdsaWithSHA256)
        else { return nil }
        return host
    }
}

/// A package was made for hosts that reach no controller.
public struct ReleaseExported: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var host: HostID?
    public var channel: ChannelName?
    /// Names the order that the package carries.
    public var rollout: RolloutID
    public var validUntil: UTCInstant
}
