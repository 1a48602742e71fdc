import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// Changes to signed metadata: proposed by those who may, signed by those who hold the keys, published when enough have.
/// Where the controller itself holds enough keys (profile solo), all of it happens at once.
extension Controller {
    enum ChangeOutcome: Equatable {
        /// It was so already.
        case unchanged
        case published
        /// People must sign first.
        case waiting(String)
    }

    /// - Parameter first: decisions that come with it, whatever becomes of the change.
    @discardableResult
    func change(
        _ edits: [RoleEdit], reason: String, by actor: String, first: [NewEvent] = []
    ) throws -> ChangeOutcome {
        let now = time.now()
        if let same = state.openChanges.first(where: { $0.edits == edits }) {
            try commitUnlessEmpty(first, at: now)
            return .waiting(same.id)
        }
        let id = "c\(state.changes.count + 1)"
        let proposal = try RepositoryWriter.propose(
            edits, in: repository, signers: ProductSigners(keys), at: now)
        guard let proposal else {
            try commitUnlessEmpty(first, at: now)
            return .unchanged
        }
        let signatures = try RepositoryWriter.sign(proposal, in: repository, by: keys.all)
        let isBlocked = state.openChanges.contains { !$0.roles.isDisjoint(with: proposal.roles) }
        if !isBlocked, try isComplete(proposal, signatures) {
            let events = first + effects(of: edits).map { NewEvent(actor: actor, event: $0) }
            try publish(proposal, signatures, of: edits, events: events, at: now)
            try settle(at: now)
            return .published
        }
        let proposed = ChangeProposed(
            id: id, edits: edits, reason: reason.bounded(4000), proposal: isBlocked ? nil : proposal)
        var events = first + [NewEvent(actor: actor, event: .changeProposed(proposed))]
        if !isBlocked, !signatures.isEmpty {
            let signed = ChangeSigned(id: id, digest: proposal.digest, signatures: signatures)
            events.append(NewEvent(actor: Self.engineActor, event: .changeSigned(signed)))
        }
        try commit(StoreChange(events: events), at: now)
        return .waiting(id)
    }

    private func commitUnlessEmpty(_ events: [NewEvent], at now: UTCInstant) throws {
        if !events.isEmpty { try commit(StoreChange(events: events), at: now) }
    }

    /// A person's signatures. Published at once when they were the last that were missing.
    func sign(_ id: String, _ upload: SignatureUpload, by actor: String) throws -> ChangeRecord {
        let record = try openChange(id)
        guard let proposal = record.proposal else {
            throw ControllerError.conflict(
                "changeQueued", "The change \(id) waits for another change of the same role.",
                remedy: "Have that one signed or dropped first: slipway keys status lists both.")
        }
        guard proposal.digest == upload.digest else {
            throw ControllerError.conflict(
                "changeEdited",
                "The change \(id) is now \(proposal.digest.short)…, not \(upload.digest.short)…, which was signed.",
                remedy: "Look at it again and sign what is proposed now: earlier signatures are void.")
        }
        let signatures = upload.signatures.map {
            CandidateSignature(role: $0.role, keyID: $0.keyID, signature: $0.signature)
        }
        let now = time.now()
        do {
            try requireCounting(signatures, on: record, proposal)
        } catch let error as TrustError where error.code == "trust.writer.stale" {
            try redraft(record, at: now)
            throw ControllerError.conflict(
                "changeEdited", "The metadata that the change \(id) edits has moved on; it was written anew.",
                remedy: "Look at it again and sign what is proposed now: earlier signatures are void.")
        }
        let all = record.signatures + signatures
        let signed = NewEvent(
            actor: actor,
            event: .changeSigned(ChangeSigned(id: id, digest: proposal.digest, signatures: signatures)))
        if try isComplete(proposal, all) {
            let published = [ControllerEvent.changePublished(ChangePublished(id: id))] + effects(of: record.edits)
            let events = [signed] + published.map { NewEvent(actor: actor, event: $0) }
            try publish(proposal, all, of: record.edits, events: events, at: now)
            try settle(at: now)
        } else {
            try commit(StoreChange(events: [signed]), at: now)
        }
        return try change(id)
    }

    func dropChange(_ id: String, reason: String, by actor: String) throws -> ChangeRecord {
        let record = try openChange(id)
        let now = time.now()
        let event = ChangeDropped(id: record.id, reason: reason.bounded(4000))
        try commit(.changeDropped(event), by: actor, at: now)
        try settle(at: now)
        return try change(id)
    }

    func change(_ id: String) throws -> ChangeRecord {
        guard let record = state.changes[id] else {
            throw ControllerError.notFound("change \(id)", remedy: "slipway keys status lists those that wait.")
        }
        return record
    }

    private func openChange(_ id: String) throws -> ChangeRecord {
        let record = try change(id)
        guard record.isOpen else {
            throw ControllerError.conflict(
                "changeClosed", "The change \(id) is \(record.state.rawValue) already.",
                remedy: "Nothing is left to do for it; slipway keys status lists those that wait.")
        }
        return record
    }

    // MARK: Judging signatures

    private func isComplete(_ proposal: RepositoryProposal, _ signatures: [CandidateSignature]) throws -> Bool {
        try RepositoryWriter.standing(of: proposal, signatures: signatures, in: repository).allSatisfy(\.isMet)
    }

    /// Every signature verifies, is of a key that may sign, and adds a vote of somebody who has none yet.
    private func requireCounting(
        _ signatures: [CandidateSignature], on record: ChangeRecord, _ proposal: RepositoryProposal
    ) throws {
        let standings = try RepositoryWriter.standing(of: proposal, signatures: signatures, in: repository)
        let before = try RepositoryWriter.standing(of: proposal, signatures: record.signatures, in: repository)
        guard !signatures.isEmpty else {
            throw ControllerError.badRequest(
                "signature", "No signature was sent.", remedy: "Sign with a key of the role.")
        }
        for signature in signatures {
            let of = standings.filter { $0.role == signature.role }
            guard let signer = of.flatMap(\.signed).first(where: { $0.keyID == signature.keyID }) else {
                let isKnown = of.flatMap(\.signers).contains { $0.keyID == signature.keyID }
                throw ControllerError.forbidden(
                    "signature",
                    isKnown
                        ? "The signature of key \(signature.keyID.prefix(8))… on \(signature.role) does not verify."
                        : "The key \(signature.keyID.prefix(8))… does not sign for \(signature.role).",
                    remedy: "Sign with a key that slipway keys status lists for \(signature.role).")
            }
            let votes = before.filter { $0.role == signature.role }.flatMap(\.signed)
            if let other = votes.first(where: { $0.name == signer.name && $0.keyID != signer.keyID }) {
                throw ControllerError.conflict(
                    "oneVote",
                    "\(signer.name) has signed \(signature.role) with another key (\(other.keyID.prefix(8))…).",
                    remedy: "One person has one vote: another person must sign.")
            }
            try refuseAuthor(signer.name, of: record)
        }
    }

    /// Profile regulated: who submitted a release does not approve it.
    private func refuseAuthor(_ name: String, of record: ChangeRecord) throws {
        guard profile == .regulated, let approval = record.approval,
            state.releases[approval.release]?.submittedBy == "person:\(name)"
        else { return }
        throw ControllerError.forbidden(
            "author", "\(name) submitted \(approval.release), and in the profile regulated authors do not approve.",
            remedy: "Another approver must sign.")
    }

    // MARK: Publishing

    private func publish(
        _ proposal: RepositoryProposal, _ signatures: [CandidateSignature], of edits: [RoleEdit], events: [NewEvent],
        at now: UTCInstant
    ) throws {
        let change = try RepositoryWriter.publish(
            proposal, signatures: signatures, to: repository, keys: keys, at: now)
        var targets: [PublishedTarget] = []
        for case .approve(let approval) in edits {
            let blob = BlobReference(sha256: approval.manifest, length: approval.length)
            targets.append(
                PublishedTarget(
                    path: TargetPath.manifest(approval.place, approval.release), bytes: try publisher.blobs.read(blob)))
        }
        // The target lies there before any metadata names it; the decision is durable before either.
        try commit(events, metadata: [change], targets: targets, at: now)
        if edits.contains(where: \.isOfKeys) { try dropUnnamedKeys() }
    }

    /// What a published change means for releases.
    private func effects(of edits: [RoleEdit]) -> [ControllerEvent] {
        edits.compactMap { edit in
            switch edit {
            case .approve(let it):
                .releaseApproved(
                    ReleaseApproved(release: it.release, manifest: it.manifest, environment: it.place.environment))
            case .withdraw(let it):
                .releaseWithdrawn(
                    ReleaseWithdrawn(release: it.release, manifest: it.manifest, environment: it.place.environment))
            default: nil
            }
        }
    }

    /// What the last publication left behind is written anew, and its signatures are void; changes that waited for
    /// others to be out are written; those that are not possible any more are dropped.
    func settle(at now: UTCInstant) throws {
        for record in state.openChanges where isStale(record) { try redraft(record, at: now) }
        var taken = Set(state.openChanges.filter { $0.state == .open }.flatMap(\.roles))
        for record in state.openChanges where record.state == .queued {
            guard taken.isDisjoint(with: record.roles) else { continue }
            try redraft(record, at: now)
            taken.formUnion(try change(record.id).roles)
        }
    }

    private func isStale(_ record: ChangeRecord) -> Bool {
        guard let proposal = record.proposal else { return false }
        do { _ = try RepositoryWriter.standing(of: proposal, signatures: [], in: repository) } catch {
            return error.code == "trust.writer.stale"
        }
        return false
    }

    private func redraft(_ record: ChangeRecord, at now: UTCInstant) throws {
        let event: ControllerEvent
        do {
            let proposal = try RepositoryWriter.propose(
                record.edits, in: repository, signers: ProductSigners(keys), at: now)
            if let proposal {
                event = .changeDrafted(ChangeDrafted(id: record.id, proposal: proposal))
            } else {
                event = .changeDropped(ChangeDropped(id: record.id, reason: "it was so already"))
            }
        } catch {
            event = .changeDropped(ChangeDropped(id: record.id, reason: ReportedError(error).summary))
        }
        try commit(event, by: Self.engineActor, at: now)
    }
}

extension RoleEdit {
    var isOfKeys: Bool {
        switch self {
        case .topKeys, .delegatedKeys: true
        default: false
        }
    }
}

extension ApprovalPlace {
    /// nil: the emergency role.
    var environment: EnvironmentName? { if case .environment(let name) = self { name } else { nil } }

    init(_ environment: EnvironmentName) {
        self = environment.text == Self.emergencyWord ? .emergency : .environment(environment)
    }
}

extension RepositoryKeys {
    /// Those that sign what people sign elsewhere.
    var all: [SigningKey] { root + targets + approvers + emergency }
}
