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

    /// Who signed it: one of the product's approvers, or a host. Of the envelope what that key signed, and nothing else.
    /// - Throws: `controller.access.…`, `controller.conflict.notBuilt`.
    func evidenceSigner(
        _ envelope: DSSEEnvelope, certificate: String?, about name: ReleaseName
    ) throws -> EvidenceMaterial.Signer {
        _ = try package(of: name)
        guard let certificate else {
            let holder = try holder(of: envelope, type: EvidenceStatement.payloadType, for: name.product)
            return EvidenceMaterial.Signer(
                name: holder.name, keyID: holder.key.keyID, envelope: try envelope.signed(by: holder.key))
        }
        guard let host = host(thatSigned: envelope, type: EvidenceStatement.payloadType, certificate: certificate)
        else { throw EvidenceMaterial.noRehearsal }
        if let refusal = ControllerError.refusal(of: host.id, host.identity.standing) { throw refusal }
        let key = try CertificateFacts(pem: certificate).fingerprint.hex
        return EvidenceMaterial.Signer(
            name: "host:\(host.id)", keyID: key, envelope: envelope.keeping(first: key), host: host.id)
    }

    private func package(of name: ReleaseName) throws -> SHA256Digest {
        guard let package = try known(name).record.package else {
            throw ControllerError.conflict(
                "notBuilt", "There is no package of \(name) to speak of.", remedy: "slipway release submit DIR")
        }
        return package
    }

    /// - Throws: `controller.access.evidence`, `lifecycle.evidence.…`: nothing was taken.
    func addEvidence(
        _ name: ReleaseName, _ material: EvidenceMaterial, by person: PersonRecord
    ) throws -> LifecycleView {
        let package = try package(of: name)
        let now = time.now()
        let signer: EvidenceMaterial.Signer
        let statement: EvidenceStatement
        switch material.words {
        case .signed(let by, let said): (signer, statement) = (by, said)
        case .unsigned(let said, let summary):
            statement = EvidenceStatement(
                kind: said.kind, package: package, summary: summary, about: said.about, statedAt: now,
                document: material.place)
            signer = try sign(statement, about: name, by: person)
        }
        let envelope = signer.envelope.json.canonicalBytes
        let record = try statement.verified(
            envelope: SHA256Digest(of: envelope), statement: SHA256Digest(of: signer.envelope.payload), about: package,
            by: signer.name, keyID: signer.keyID, at: now)
        // Nothing is kept of what was said before.
        guard !state.lifecycle(name).record.evidence.contains(where: { $0.repeats(record) }) else {
            return try lifecycleView(name)
        }
        let store = try evidenceStore()
        try store.add(envelope)
        if let document = material.document { try store.add(document) }
        try tell(name, .addEvidence(record), by: person.name)
        return try lifecycleView(name)
    }

    /// Profile solo: whoever may submit speaks, and the controller, which holds every key, signs for him.
    private func sign(
        _ statement: EvidenceStatement, about name: ReleaseName, by person: PersonRecord
    ) throws -> EvidenceMaterial.Signer {
        guard profile == .solo, let key = keys.approvers.first else {
            throw ControllerError.forbidden(
                "evidence", "In the profile \(profile.rawValue) evidence is signed by a person's own key.",
                remedy: "Add --key-file FILE with the key of one who approves releases.")
        }
        let envelope = try DSSEEnvelope.sign(
            statement.bytes(of: name), type: EvidenceStatement.payloadType, keys: [key])
        return EvidenceMaterial.Signer(name: person.name, keyID: key.publicKey.keyID, envelope: envelope)
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
        let envelope = try EvidenceMaterial.envelope(json)
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
        // Handed out as it was taken, or not at all.
        let size = try store.directory.status(record.id.hex)?.size ?? ByteCount(0)
        return try store.read(BlobReference(sha256: record.id, length: min(size, EvidenceStatement.sizeMax)))
    }

    // MARK: baselines

    func configurationItems() -> [ConfigurationItem] {
        ConfigurationCatalogue.items(state.hostsInOrder.map(catalogueHost), catalogueServices)
    }

    private func catalogueHost(_ host: HostRecord) -> CatalogueHost {
        CatalogueHost(
            id: host.id, environment: host.environment, labels: host.givenLabels,
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

    /// By the newest plan of each product, else by its newest release. A plan names the contracts that it touches: the others
    /// still hold, so each is known by the newest plan that says something of it.
    private var catalogueServices: [CatalogueService] {
        let newest = Dictionary(grouping: state.releases.values, by: \.submitted.release.product)
            .compactMapValues { $0.max { $0.submittedAt < $1.submittedAt } }
        return newest.keys.sorted().compactMap { product in
            guard let release = newest[product]?.submitted else { return nil }
            let plans = state.lifecycles.values.filter { $0.release.product == product }
                .compactMap { $0.record.plan }.sorted { $0.release.version < $1.release.version }
            let contracts = Dictionary(
                plans.flatMap(\.contracts).map { ($0.name, $0) }, uniquingKeysWith: { _, newer in newer })
            return CatalogueService(
                product: product, owner: plans.last?.owner ?? release.owner,
                summary: plans.last?.summary ?? release.summary,
                contracts: contracts.values.sorted { $0.name < $1.name })
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
