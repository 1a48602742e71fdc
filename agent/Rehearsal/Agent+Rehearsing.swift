import AgentProtocol
import ReleaseDefinition
import ReleasePackaging

/// A rehearsal that the controller ordered: installations and a back-out in the order's name, each with the same
/// verification, the same journal and the same way back as any other. Cut short by the agent's own end, it leaves what the
/// journal makes of the step that was being taken; the order is heard again, and nothing is signed of what was not seen.
extension Agent {
    func carryOut(rehearsal queued: QueuedOrder) async throws {
        defer { (rehearsing, statement) = (nil, nil) }
        let subject = HostRelease(name: queued.release, manifest: queued.manifest)
        log.info("rehearsal started", metadata: ["order": "\(queued.order)", "release": "\(subject)"])
        do {
            let places = try await places(of: queued)
            let seen = try await rehearse(subject, places, order: queued.order) {
                try await self.install(queued, subject)
            }
            statement = try HostSignature.sign(
                seen.record.statement(about: subject), type: RehearsalRecord.payloadType, with: folder.tls())
            try finish(queued, seen.outcome)
        } catch {
            guard !Task.isCancelled else { return }
            let failure = StepError(error, otherwise: .verify).failure(at: .received)
            log.error(
                "the rehearsal came to no end",
                metadata: ["order": "\(queued.order)", "error": "\(failure.evidence.error)"])
            try finish(queued, .failed(failure.failureClass), failure)
        }
    }

    private func install(_ queued: QueuedOrder, _ subject: HostRelease) async throws -> HostOutcome {
        // The first attempt is the whole rehearsal's.
        let order = try begin(
            OrderID(rollout: queued.order.rollout, action: .install, attempt: queued.order.attempt + 1), subject,
            queued.envelope)
        try await driveByHand()
        guard let finished = host.finished.last(where: { $0.order == order }) else {
            throw AgentError(
                code: "rehearsal.unfinished", summary: "The installation of \(subject) did not come to its end.",
                remedy: "It goes on when the agent starts again; order the rehearsal again then.")
        }
        return finished.outcome
    }

    /// Where the release has its places on this host: by what is authorised, of which no more than the index is fetched.
    private func places(of queued: QueuedOrder) async throws -> HostPlaces {
        let revoked = Set(host.record(of: queued.release.product).revoked)
        let release = try await source.authorise(queued.envelope ?? .null, revoked: revoked)
        let manifest = try await source.manifest(of: release)
            .chosen(for: .current(), in: configuration.environment)
        try await source.fetch(manifest.units.map(\.payload.index), into: runner.downloads)
        var places = HostPlaces()
        try places.add(manifest) { try PayloadIndex(of: $0.payload, in: runner.downloads) }
        return places
    }
}
