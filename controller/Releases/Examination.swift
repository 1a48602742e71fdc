import ControllerAPI
import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// `slipway doctor`: the controller looks at itself. Nothing is changed by it.
extension Controller {
    private static let certificateMargin = TimeSpan.days(30)
    private static let spaceWarning = ByteCount(2 << 30)
    private static let spaceProblem = ByteCount(200 << 20)

    func examine() throws -> DoctorReport {
        let now = time.now()
        let view = try keysView()
        let findings =
            recordFindings() + [clockFinding(at: now)] + metadataFindings(at: now) + certificateFindings(at: now)
            + Self.profileFindings(view) + keyFindings() + spaceFindings() + repositoryFindings()
            + signatureFindings(at: now) + reviewFindings() + witnessFindings() + revokedFindings()
        return DoctorReport(at: now, findings: findings)
    }

    /// What is known is answered from memory; nothing new is while the database is away.
    private func recordFindings() -> [DoctorFinding] {
        do { try store.ping() } catch {
            return [
                DoctorFinding(
                    .controller, .problem, "the record cannot be reached: \(ReportedError(error).summary)",
                    remedy: "See that the database runs and answers; nothing is lost, and no restart is needed.")
            ]
        }
        return []
    }

    /// The log never goes back: a clock behind it was set back, or the log was written under a wrong one.
    private func clockFinding(at now: UTCInstant) -> DoctorFinding {
        guard let last = lastEntryAt, last > now + .minutes(1) else {
            return DoctorFinding(.clock, .good, "the controller's clock says \(now.wholeSeconds)")
        }
        return DoctorFinding(
            .clock, .problem,
            "the controller's clock says \(now.wholeSeconds), its log was written until "
                + "\(last.wholeSeconds)", remedy: "Set the machine's clock; metadata made meanwhile ends too early.")
    }

    private func witnessFindings() -> [DoctorFinding] {
        let hosts = witnesses.contradictions.keys.sorted()
        guard !hosts.isEmpty else { return [] }
        return [
            DoctorFinding(
                .repository, .problem,
                "\(hosts.count.of("host")) witnessed another log than this one: "
                    + hosts.prefix(10).map(\.text).joined(separator: ", ") + (hosts.count > 10 ? ", …" : ""),
                remedy: "Entries were removed or written anew: find out who restored or changed the record.")
        ]
    }

    private func metadataFindings(at now: UTCInstant) -> [DoctorFinding] {
        let warnings = ((try? repository.survey()) ?? []).expiryWarnings(at: now)
        guard !warnings.isEmpty else {
            return [DoctorFinding(.metadata, .good, "no signed metadata ends within \(ExpiryLevel.days30.margin)")]
        }
        return warnings.map { warning in
            DoctorFinding(
                .metadata, warning.level == .expired ? .problem : .warning,
                "\(warning.role) (until \(warning.expiresAt)) \(warning.words)",
                remedy: ExpiryWarning.renewedByController.contains(warning.role)
                    ? "See the controller's log for why it could not be renewed."
                    : "slipway keys renew \(warning.role)")
        }
    }

    private func certificateFindings(at now: UTCInstant) -> [DoctorFinding] {
        func finding(_ name: String, _ pem: String?, _ remedy: String) -> DoctorFinding {
            guard let pem, let facts = try? CertificateFacts(pem: pem) else {
                return DoctorFinding(
                    .certificates, .problem, "the certificate of \(name) cannot be read", remedy: remedy)
            }
            let level: DoctorFinding.Level =
                facts.notAfter <= now ? .problem : facts.notAfter < now + Self.certificateMargin ? .warning : .good
            return DoctorFinding(
                .certificates, level, "the certificate of \(name) is valid until \(facts.notAfter)",
                remedy: level == .good ? nil : remedy)
        }
        let warnings = state.certificateWarnings(at: now)
        let hosts = ExpiryLevel.allCases.reversed().compactMap { level -> DoctorFinding? in
            let late = warnings.filter { $0.level == level }.map(\.host)
            guard !late.isEmpty else { return nil }
            return DoctorFinding(
                .certificates, .warning, CertificateWarning.words(level, late), remedy: CertificateWarning.remedy)
        }
        return [
            finding(
                "the server", try? folder.text(ControllerDirectory.serverCertificateName),
                "The controller renews it by itself while it runs: see its log."),
            finding("the authority", try? authorities.serving.pem, "slipway hosts authority rotate"),
        ] + hosts
    }

    private static func profileFindings(_ view: KeysView) -> [DoctorFinding] {
        let unearned = view.unearned(view.profile)
        guard unearned.isEmpty else {
            return unearned.map {
                DoctorFinding(
                    .profile, .problem, "the profile \(view.profile.rawValue) promises, and is not kept: \($0.claim)",
                    remedy: $0.missing)
            }
        }
        let earned = view.claims.filter(\.isEarned).count
        return [
            DoctorFinding(
                .profile, .good,
                "the profile \(view.profile.rawValue) keeps what it promises; \(earned) of \(view.claims.count) claims are "
                    + "earned (slipway keys status)")
        ]
    }

    /// Keys that should not be here: nobody names them, people's keys outside of solo, or others can read them.
    private func keyFindings() -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        var named = Set(repository.keyIDs)
        for change in state.openChanges { named.formUnion(change.edits.flatMap(\.keyIDs)) }
        let online: Set = [KeyName.snapshot, KeyName.timestamp, KeyName.director]
        for name in (try? KeyFolder.files(folder)) ?? [] {
            let path = folder.path("keys/\(name)")
            if let mode = try? folder.directory.status("keys/\(name)")?.mode, mode & 0o077 != 0 {
                findings.append(
                    DoctorFinding(
                        .keys, .problem, "\(path) has mode \(String(mode & 0o777, radix: 8)): others can read it",
                        remedy: "chmod 600 \(path); if others may have read it, slipway keys rotate"))
            }
            guard let key = try? SigningKey(pem: folder.text("keys/\(name)")) else {
                findings.append(DoctorFinding(.keys, .problem, "\(path) is no key", remedy: "Remove it."))
                continue
            }
            if !named.contains(key.publicKey.keyID) {
                findings.append(
                    DoctorFinding(
                        .keys, .warning, "\(path) is named by no metadata in force",
                        remedy: "Remove it, or move it away."))
            } else if profile != .solo, !online.contains(KeyFolder.role(of: name)) {
                findings.append(
                    DoctorFinding(
                        .keys, .problem,
                        "\(path) lies on the controller, and the profile \(profile.rawValue) keeps it elsewhere",
                        remedy: "slipway keys offline --to DIR, then slipway keys rotate"))
            }
        }
        return findings.isEmpty ? [DoctorFinding(.keys, .good, "no key lies here that should not")] : findings
    }

    private func spaceFindings() -> [DoctorFinding] {
        guard let free = try? folder.directory.freeSpace() else { return [] }
        let level: DoctorFinding.Level =
            free < Self.spaceProblem ? .problem : free < Self.spaceWarning ? .warning : .good
        return [
            DoctorFinding(
                .disk, level, "\(free) free for \(folder.directory.path)",
                remedy: level == .good ? nil : "Make room: without it nothing is recorded and nothing starts.")
        ]
    }

    private func revokedFindings() -> [DoctorFinding] {
        let found = state.revokedStillRunning()
        guard !found.isEmpty else { return [DoctorFinding(.hosts, .good, "no host runs a release that was revoked")] }
        return found.map { DoctorFinding(.hosts, .warning, $0.words, remedy: $0.remedy) }
    }

    private func reviewFindings() -> [DoctorFinding] {
        let owed = state.emergencies.filter { $0.review == nil }
        guard !owed.isEmpty else { return [DoctorFinding(.reviews, .good, "no review of an emergency is owed")] }
        return owed.map { record in
            DoctorFinding(
                .reviews, .warning,
                "the emergency \(record.released.rollout) of \(record.released.release) by \(record.by) at "
                    + "\(record.at.wholeSeconds) was not reviewed: \(record.released.reason)",
                remedy: "slipway release review \(record.released.rollout) --conclusion …")
        }
    }
}

extension Controller {
    /// As a new host reads it: every role signed by those to whom the metadata above it gives the word.
    private func signatureFindings(at now: UTCInstant) -> [DoctorFinding] {
        let refusals = repository.refusals(at: now)
        guard !refusals.isEmpty else {
            return [
                DoctorFinding(.repository, .good, "every role is signed as a new host demands it, from root down")
            ]
        }
        return refusals.map { refusal in
            let renewing = "slipway keys renew \(refusal.role), signed by those whom slipway keys status names for it"
            return DoctorFinding(
                .repository, .problem, "no new host believes \(refusal.role): \(refusal.error.summary)",
                remedy: ExpiryWarning.renewedByController.contains(refusal.role)
                    ? "Restore the repository's state from a backup." : renewing)
        }
    }

    /// The published metadata is what the record says, byte for byte; each manifest has its digest, and each blob its length.
    private func repositoryFindings() -> [DoctorFinding] {
        var broken: [String] = []
        let root = try? folder.repository()
        for file in repository.files {
            let path = "metadata/\(file.name)"
            let there = try? root?.readIfPresent(path, sizeMax: TrustLimits.targetsSizeMax)
            if there != file.bytes { broken.append(path) }
        }
        var blobs: Set<BlobReference> = []
        for release in state.releases.values {
            let submitted = release.submitted
            let manifest = BlobReference(sha256: submitted.manifest, length: submitted.manifestLength)
            guard let bytes = try? publisher.blobs.read(manifest), let parsed = try? Manifest(parsing: bytes) else {
                broken.append("blobs/\(submitted.manifest.hex) (manifest of \(submitted.release))")
                continue
            }
            if release.packageRemovedAt == nil { blobs.formUnion(parsed.blobs) }
        }
        for blob in blobs where (try? publisher.blobs.has(blob)) != true { broken.append("blobs/\(blob.sha256.hex)") }
        guard !broken.isEmpty else {
            return [
                DoctorFinding(
                    .repository, .good,
                    "the metadata is as signed; \(state.releases.count.of("release")) with \(blobs.count.of("blob")), all "
                        + "there in full length")
            ]
        }
        return [
            DoctorFinding(
                .repository, .problem,
                "\(broken.count.of("file")) missing or not as recorded: \(broken.sorted().prefix(5).joined(separator: ", "))"
                    + (broken.count > 5 ? ", …" : ""),
                remedy: "Submit the releases again (the same bytes), or restore repository/ from a backup; metadata is "
                    + "written anew when the controller starts.")
        ]
    }
}
