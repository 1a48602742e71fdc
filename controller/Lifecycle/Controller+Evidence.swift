import ControllerAPI
import Effects
import FoundationEssentials
import ReleaseDefinition
import ReleaseLifecycle
import ReleasePackaging
import ReleaseReporting
import ReleaseTrust

/// Statements about packages: verified at the door, their documents kept by digest.
extension Controller {
    /// The documents of statements, and baselines. Not public, unlike the repository's blobs.
    func evidenceStore() throws -> BlobStore {
        BlobStore(try folder.evidence())
    }

    /// - Throws: `controller.evidence.…`, `lifecycle.evidence.…`, `trust.envelope.…`: nothing was taken.
    func addEvidence(_ name: ReleaseName, _ request: EvidenceRequest, by person: PersonRecord) throws -> LifecycleView {
        guard let package = try known(name).record.package else {
            throw ControllerError.conflict(
                "notBuilt", "There is no package of \(name) to speak of.", remedy: "slipway release submit DIR")
        }
        let document = try self.document(of: request)
        let now = time.now()
        let envelope: DSSEEnvelope
        let signer: (name: String, keyID: String)
        let statement: EvidenceStatement
        if let json = request.envelope, let certificate = request.certificate {
            envelope = try Self.envelope(json)
            (statement, signer) = try rehearsal(envelope, certificate)
        } else if let json = request.envelope {
            envelope = try Self.envelope(json)
            let holder = try holder(of: envelope, type: EvidenceStatement.payloadType, for: name.product)
            signer = (holder.name, holder.key.keyID)
            statement = try EvidenceStatement(parsing: envelope.payload)
        } else {
            let holder: KeyHolder
            (envelope, holder) = try state(request, about: name, package, document, by: person, at: now)
            signer = (holder.name, holder.key.keyID)
            statement = try EvidenceStatement(parsing: envelope.payload)
        }
        let id = SHA256Digest(of: envelope.json.canonicalBytes)
        let record = try statement.verified(
            envelope: id, about: package, by: signer.name, keyID: signer.keyID, document: document, at: now)
        let store = try evidenceStore()
        try store.add(envelope.json.canonicalBytes)
        if let document { try store.add(document) }
        try tell(name, .addEvidence(record), by: person.name)
        return try lifecycleView(name)
    }

    /// What a host saw when it rehearsed, under its own key; it speaks of nothing else.
    private func rehearsal(
        _ envelope: DSSEEnvelope, _ certificate: String
    ) throws -> (EvidenceStatement, (name: String, keyID: String)) {
        guard let host = host(thatSigned: envelope, type: EvidenceStatement.payloadType, certificate: certificate),
            let statement = try? EvidenceStatement(parsing: envelope.payload), statement.host == host.id
        else {
            throw ControllerError.forbidden(
                "rehearsal", "This is no rehearsal under the key of the host that it names.",
                remedy: "Nothing was taken. Send the file as slipway-agent rehearse FILE.slip --evidence FILE wrote it."
            )
        }
        if let refusal = ControllerError.refusal(of: host.id, host.identity.standing) { throw refusal }
        return (statement, ("host:\(host.id)", try CertificateFacts(pem: certificate).fingerprint.hex))
    }

    private static func envelope(_ json: JSONValue) throws -> DSSEEnvelope {
        do { return try DSSEEnvelope(json: json) } catch {
            throw ControllerError.badRequest("envelope", error.summary, remedy: error.remedy)
        }
    }

    private func document(of request: EvidenceRequest) throws -> [UInt8]? {
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

    /// Profile solo: whoever may submit speaks, and the controller, which holds every key, signs for him.
    private func state(
        _ request: EvidenceRequest, about name: ReleaseName, _ package: SHA256Digest, _ document: [UInt8]?,
        by person: PersonRecord, at now: UTCInstant
    ) throws -> (DSSEEnvelope, KeyHolder) {
        guard let unsigned = request.unsigned else {
            throw ControllerError.badRequest(
                "evidence", "The request holds no statement.", remedy: "Send it with slipway release evidence add.")
        }
        guard profile == .solo, let key = keys.approvers.first else {
            throw ControllerError.forbidden(
                "evidence", "In the profile \(profile.rawValue) evidence is signed by a person's own key.",
                remedy: "Add --key-file FILE with the key of one who approves releases.")
        }
        let summary = try EvidenceStatement.summary(of: document, kind: unsigned.kind, result: unsigned.result)
        let place = document.map {
            EvidenceDocument(
                name: String((request.documentName ?? "document").prefix(200)), sha256: SHA256Digest(of: $0),
                length: ByteCount($0.count))
        }
        let statement = EvidenceStatement(
            kind: unsigned.kind, package: package, summary: summary, about: unsigned.about, statedAt: now,
            document: place)
        let envelope = try DSSEEnvelope.sign(
            statement.bytes(of: name), type: EvidenceStatement.payloadType, keys: [key])
        return (envelope, KeyHolder(name: person.name, key: key.publicKey))
    }

    /// Whose key signed: one of those who approve the product's releases somewhere, or its emergencies.
    /// - Throws: `controller.access.evidence`.
    func holder(of envelope: DSSEEnvelope, type: String, for product: ProductName) throws -> KeyHolder {
        let signers = repository.signers ?? ProductSigners(keys)
        let holders = signers.approvers.holders + signers.emergency.holders
        let found = holders.first { holder in
            (try? envelope.verify(type: type, keys: [holder.key], threshold: 1)) != nil
        }
        guard let found else {
            throw ControllerError.forbidden(
                "evidence", "The envelope is not signed by a key that is known here, or a byte of it is another.",
                remedy:
                    "Nothing was taken. Sign it with the key of one who approves releases of \(product): --key-file F.")
        }
        return found
    }

    /// A person's yes. With a key, the person is its holder; else, in the profile solo, whoever asks.
    func authoriseRelease(
        _ name: ReleaseName, _ request: ReleaseConsentRequest, by person: PersonRecord
    ) throws -> LifecycleView {
        _ = try known(name)
        let (who, keyID) = try voter(name, request, person)
        guard !who.hasPrefix(Lifecycle.outsidePrefix) else {
            throw ControllerError.forbidden(
                "consent", "\(who) is an outside system, not a person.", remedy: "The controller asks it by itself.")
        }
        let consent = request.consent
        guard consent.release == name else {
            throw ControllerError.badRequest(
                "release", "The consent is to \(consent.release), not to \(name).", remedy: "Sign it for this release.")
        }
        let stage = state.lifecycle(name).approvalStage(consent.stage)
        let limit = time.now() + (stage?.valid ?? .days(7))
        let approval = LifecycleApproval(
            stage: consent.stage, person: who, keyID: keyID, plan: consent.plan, package: consent.package,
            until: min(consent.validUntil, limit))
        try tell(name, .approve(approval, excludesAuthor: profile == .regulated), by: who)
        return try lifecycleView(name)
    }

    private func voter(
        _ name: ReleaseName, _ request: ReleaseConsentRequest, _ person: PersonRecord
    ) throws -> (String, String?) {
        guard let json = request.envelope else {
            guard profile == .solo else {
                throw ControllerError.forbidden(
                    "consent", "In the profile \(profile.rawValue) a release is authorised with a person's own key.",
                    remedy: "Add --key-file FILE with the key of one who approves releases.")
            }
            return (person.name, nil)
        }
        let envelope = try Self.envelope(json)
        let signer = try holder(of: envelope, type: ReleaseConsent.payloadType, for: name.product)
        guard let signed = try? JSONCoding.decode(ReleaseConsent.self, from: envelope.payload),
            signed == request.consent
        else {
            throw ControllerError.forbidden(
                "consent", "What was signed is not what was sent.", remedy: "Nothing was taken. Sign it again.")
        }
        return (signer.name, signer.key.keyID)
    }

    /// The bytes of a statement's document, or of the statement itself, checked against their digest once more.
    func evidenceBytes(_ name: ReleaseName, _ id: String, document: Bool) throws -> [UInt8] {
        let lifecycle = try known(name)
        guard let record = lifecycle.record.evidence.first(where: { $0.id.hex.hasPrefix(id) && id.utf8.count >= 8 })
        else {
            throw ControllerError.notFound(
                "statement \(id) about \(name)", remedy: "slipway release evidence list \(name)")
        }
        let store = try evidenceStore()
        if document, let place = record.document {
            return try store.read(BlobReference(sha256: place.sha256, length: place.length))
        }
        return try store.directory.read(record.id.hex, sizeMax: EvidenceStatement.sizeMax)
    }

    // MARK: baselines

    func configurationItems() -> [ConfigurationItem] {
        ConfigurationCatalogue.items(state.hostsInOrder.map(catalogueHost), catalogueServices)
    }

    private func catalogueHost(_ host: HostRecord) -> CatalogueHost {
        CatalogueHost(
            id: host.id, environment: host.environment, labels: host.labels,
            agentVersion: host.inventory?.agentVersion,
            system: host.inventory?.system.flatMap { try? JSONCoding.value(of: $0) }
                .map { String(decoding: $0.canonicalBytes, as: UTF8.self) },
            isActive: host.identity.standing.isActive,
            installed: host.running.values.sorted { $0.release.product < $1.release.product }.map {
                CatalogueUnit(
                    release: $0.release, manifest: $0.manifest, isHealthy: $0.isHealthy,
                    isDrifted: isDrifted(host, $0.release.product))
            })
    }

    /// By the newest plan of each product, else by its newest release.
    private var catalogueServices: [CatalogueService] {
        let newest = Dictionary(grouping: state.releases.values, by: \.submitted.release.product)
            .compactMapValues { $0.max { $0.submittedAt < $1.submittedAt } }
        return newest.keys.sorted().compactMap { product in
            guard let release = newest[product]?.submitted else { return nil }
            let plans = state.lifecycles.values.filter { $0.release.product == product }
                .compactMap { $0.record.plan }.sorted { $0.release.version < $1.release.version }
            return CatalogueService(
                product: product, owner: plans.last?.owner ?? release.owner,
                summary: plans.last?.summary ?? release.summary, contracts: plans.last?.contracts ?? [])
        }
    }

    func isDrifted(_ host: HostRecord, _ product: ProductName) -> Bool {
        if let known = hostFacts[host.id]?.facts.drifted { return known.contains(product) }
        return host.inventory?.drift?.contains { $0.contains(product.text) } ?? false
    }

    func takeBaseline(
        _ moment: ConfigurationBaseline.Moment, _ rollout: RolloutID?, of product: ProductName
    ) throws -> ConfigurationBaseline {
        let items = configurationItems()
        let bytes = try JSONCoding.canonicalBytes(of: items)
        let blob = try evidenceStore().add(bytes)
        return ConfigurationBaseline(moment: moment, rollout: rollout, items: items.count, digest: blob.sha256)
    }
}
