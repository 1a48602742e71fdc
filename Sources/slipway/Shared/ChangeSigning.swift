import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// The ceremony: the candidate comes from the controller, is compared here with what this person trusts, shown, signed
/// here; only signatures go back.
struct ChangeSigning {
    let client: ControllerClient
    let folder: Directory
    let keys: [SigningKey]
    let confirmation: Confirmation

    /// - Parameter wanted: what the person means to sign; anything else in the candidate is shown first, loudly.
    func run(
        _ change: MetadataChangeView, wanted: (place: ApprovalPlace, release: ReleaseName)? = nil
    ) async throws -> MetadataChangeView {
        guard let digest = change.digest else {
            throw CommandError(
                code: "change.queued", summary: "Nobody can sign \(change.id) yet: it waits for \(change.blockers).",
                remedy: "Sign that one first (slipway keys sign), or give it up: slipway keys drop "
                    + "\(change.waitsFor?.first?.id ?? "CHANGE") --reason …. Then sign \(change.id).")
        }
        let candidates = change.candidates.map { MetadataCandidate(role: $0.role, signed: $0.signed) }
        let proposal = RepositoryProposal(candidates: candidates)
        guard proposal.digest == digest else {
            throw CommandError(
                code: "change.digest",
                summary: "The change \(change.id) is said to be \(digest.short)…, what was sent is "
                    + "\(proposal.digest.short)….",
                remedy: "Nothing was signed. Find out why the controller says two things.")
        }
        let view = try await TrustedView.refresh(folder, roles: candidates.map(\.role), client)
        let mine = Set(keys.map(\.publicKey.keyID))
        try refuseSecondVote(change, mine)
        var signatures: [CandidateSignature] = []
        for candidate in candidates {
            let may = Set(change.standings.filter { $0.role == candidate.role }.flatMap(\.signers).map(\.keyID))
            let own = keys.filter { may.contains($0.publicKey.keyID) }
            let review = try view.metadata.review(candidate, wanted: wanted)
            try await show(review, change, view, isOurs: !own.isEmpty)
            for key in own { signatures.append(try candidate.signature(by: key)) }
        }
        guard !signatures.isEmpty else {
            throw CommandError(
                code: "change.key",
                summary: "None of the keys given signs for \(proposal.roles.joined(separator: ", ")).",
                remedy: "slipway keys status lists whose keys do.")
        }
        if let words = Self.signedAlready(change, mine) {
            Talk.say(words)
            return change
        }
        try confirmation.require("Sign \(change.id) with \(keys.count == 1 ? "this key" : "these keys")?")
        let upload = SignatureUpload(
            digest: digest,
            signatures: signatures.map {
                RoleSignatureView(role: $0.role, keyID: $0.keyID, signature: $0.signature)
            })
        let after = try await client.sign(change.id, upload)
        Talk.say(Self.outcome(after))
        return after
    }

    static func outcome(_ change: MetadataChangeView) -> String {
        if change.state == .published { return "Signed. Enough people have: it is published." }
        let open = change.standings.filter { $0.votes < $0.threshold }.words
        return "Signed. Still waiting for others: \(open). They type: slipway keys sign \(change.id)"
    }

    /// Whose keys have all signed whatever of it they may; nil: something is left for them.
    static func signedAlready(_ change: MetadataChangeView, _ mine: Set<String>) -> String? {
        let own = change.standings.flatMap(\.signers).filter { mine.contains($0.keyID) }
        guard !own.isEmpty, own.allSatisfy({ $0.hasSigned == true }) else { return nil }
        let names = Set(own.map(\.name)).sorted().joined(separator: ", ")
        return "Already signed by you (\(names)): nothing was sent. It stands at \(change.standings.words)."
    }

    private func refuseSecondVote(_ change: MetadataChangeView, _ mine: Set<String>) throws {
        for standing in change.standings {
            let names = Set(standing.signers.filter { mine.contains($0.keyID) }.map(\.name))
            let voted = standing.signers.first {
                $0.hasSigned == true && names.contains($0.name) && !mine.contains($0.keyID)
            }
            guard let voted else { continue }
            throw CommandError(
                code: "change.oneVote", summary: "\(voted.name) has signed \(standing.role) already, with another key.",
                remedy: "One person has one vote: another person must sign.")
        }
    }

    // MARK: Words

    private func show(
        _ review: CandidateReview, _ change: MetadataChangeView, _ view: TrustedView, isOurs: Bool
    ) async throws {
        let held = review.from.map { "you trust version \($0)" } ?? "you hold none yet"
        Talk.say("\n\(review.role): version \(review.to), \(held)" + (isOurs ? "" : " (not signed by your key)"))
        if view.unsigned.contains(review.role) {
            Talk.say(
                "  NOTE: the version in force is NOT SIGNED BY THOSE WHO MUST SIGN IT, and no new host believes it.")
            Talk.say("  So it cannot be compared: all content is shown; what was withdrawn before must stand below.")
        }
        if view.expired.contains(review.role) { Talk.say("  NOTE: the version in force has EXPIRED.") }
        if !review.beyond.isEmpty {
            Talk.say("  " + (review.wanted == nil ? "What changes:" : "BEYOND THE RELEASE THAT YOU WERE ASKED FOR:"))
            for line in review.beyond { Talk.say("  ! \(line)") }
        }
        if let release = review.wanted { try await show(release) }
        if review.isRenewal { Talk.say("  nothing but a new version and expiry") }
        Talk.say("  expires \(review.expires)")
        for standing in change.standings where standing.role == review.role {
            let signed = standing.signers.filter { $0.hasSigned == true }.map(\.name)
            let who = signed.isEmpty ? "nobody yet" : signed.joined(separator: ", ")
            Talk.say(
                "  signed so far by keys of \(standing.delegator): \(who) (\(standing.votes) of \(standing.threshold))")
        }
    }

    /// What the manifest says, from its own bytes: their hash is in the candidate.
    private func show(_ release: CandidateReview.AddedRelease) async throws {
        Talk.say("  + \(release.release) may be installed in \(release.place.word)")
        Talk.say("      manifest \(release.manifest.hex), \(release.length)")
        if let notAfter = release.notAfter { Talk.say("      until \(notAfter)") }
        let url = "\(client.repositoryURL)/\(RepositoryLayout.blob(release.manifest))"
        let response = try await client.door.send(HTTPRequest("GET", url, responseSizeMax: release.length))
        guard response.status == 200, SHA256Digest(of: response.body) == release.manifest else {
            throw CommandError(
                code: "change.manifest",
                summary:
                    "The manifest \(release.manifest.short)… of \(release.release) is not what the controller has.",
                remedy: "Nothing was signed. Have the release submitted again.")
        }
        let manifest = try Manifest(parsing: response.body)
        guard manifest.name == release.release else {
            throw CommandError(
                code: "change.manifest",
                summary: "The manifest that is to be signed as \(release.release) is of \(manifest.name).",
                remedy: "Nothing was signed. Find out who proposed it.")
        }
        Talk.say("      \(manifest.category.rawValue): \(manifest.summary), by \(manifest.owner)")
        let size = manifest.blobs.reduce(Int64(0)) { $0 + $1.length.value }
        Talk.say("      \(manifest.units.count.of("unit")), \(ByteCount(size)) to fetch at most")
        for change in manifest.changes { Talk.say("      change \(change.id): \(change.summary)") }
    }
}

extension MetadataChangeView {
    /// What a queued change waits for, in words.
    var blockers: String {
        guard let waitsFor, !waitsFor.isEmpty else { return "another change of the same role" }
        return waitsFor.map { "\($0.id) (\($0.summary))" }.joined(separator: ", ")
    }
}
