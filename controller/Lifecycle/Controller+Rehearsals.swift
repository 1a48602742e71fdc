import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseRollout
import ReleaseTrust

/// Rehearsals that people order: the same approval, the same order and the same reports as an installation; what the host
/// signed is filed as evidence.
extension Controller {
    func rehearse(_ request: RehearsalRequest, by actor: String) throws -> RehearsalView {
        let record = try release(request.release)
        let environment = try request.environment ?? environment(of: request.hosts)
        try checkEnvironment(environment)
        try refuseLive(request.release, environment)
        try refuseRevoked(record, in: environment)
        guard record.isApproved(in: environment) else { throw approvalMissing(request.release, in: environment) }
        let definition = try rehearsed(request, in: environment)
        try obeyPolicyAtStart(definition)
        try obeyLifecycle(request.release, in: environment, isEmergency: false)
        let online = hub.online
        let id = try RolloutID("rehearsal-\(state.rehearsals.count + 1)-\(Hexadecimal.encode(random.bytes(2)))")
        let plan = try makePlan(definition, id: id, urgency: .ordinary) { host in
            online.contains(host.id) && host.delivery == .push
        }
        let now = time.now()
        try refuseUnready(plan, at: now)
        // Each phase may take as long as a rehearsal without phases.
        let lifetime = Director.pushLifetime * Int64(request.plan == nil ? 1 : plan.phases.count)
        let ordered = RehearsalOrdered(
            plan: plan, until: (now + lifetime).wholeSeconds, isByPhase: request.plan == nil ? nil : true)
        try commit(.rehearsalOrdered(ordered), by: actor, at: now)
        for host in plan.hosts { try transmitRehearsals(to: host.id, at: now) }
        // Its end has a timer from now on.
        drive()
        return try rehearsalView(id)
    }

    private func rehearsed(_ request: RehearsalRequest, in environment: EnvironmentName) throws -> RolloutDefinition {
        guard var plan = request.plan else {
            return (policy ?? ReleasePolicy()).rollout(of: request.release, in: environment, to: request.hosts)
        }
        if case .parallel = plan.strategy {
            throw ControllerError.badRequest(
                "rehearsalPlan", "The plan switches traffic between two sides: no host can rehearse that by itself.",
                remedy: "Leave --plan out, or name a plan with phases.")
        }
        (plan.release, plan.environment, plan.hosts) = (request.release, environment, request.hosts)
        return plan
    }

    /// Where people work nothing is taken back to see whether it can be; where there is no other place, they decide.
    private func refuseLive(_ release: ReleaseName, _ environment: EnvironmentName) throws {
        guard configuration.environments.count > 1, state.lifecycle(release).live == environment else { return }
        throw ControllerError.conflict(
            "rehearsalLive", "\(release) goes into service in \(environment): nothing is rehearsed there.",
            remedy: "Name hosts of another environment: "
                + configuration.environments.filter { $0 != environment }.map(\.text).joined(separator: ", ") + ".")
    }

    private func refuseUnready(_ plan: RolloutPlan, at now: UTCInstant) throws {
        let product = plan.definition.release.product
        if let starts = plan.starts, !starts.contains(where: { $0.from <= now && now < $0.until }) {
            throw ControllerError(
                .init(code: 423), code: "rehearsal.window",
                summary: "No window is open for \(plan.definition.release) in \(plan.definition.environment).",
                remedy: "See when one opens: slipway window propose --environment \(plan.definition.environment)")
        }
        for host in plan.hosts {
            if host.running == plan.definition.release {
                throw ControllerError.conflict(
                    "rehearsalRuns", "\(plan.definition.release) runs on \(host.id) already.",
                    remedy: "Rehearse it where it does not run, or a newer release.")
            }
            let other =
                state.rolloutOrder.first { id in
                    guard let record = state.rollouts[id], record.isActive else { return false }
                    return record.plan?.definition.release.product == product && record.contains(host.id)
                }
                ?? state.rehearsals.values.first {
                    $0.release.product == product && $0.awaits(host.id)
                        && [.ordered, .waiting].contains($0.state(of: host.id, at: now))
                }?.id
            guard let other else { continue }
            throw ControllerError.conflict(
                "rehearsalBusy", "\(other) is under way on \(host.id) with \(product).",
                remedy: "Wait for its end, or name another host.")
        }
    }

    /// What the host has not answered yet: once ordered, and again as often as it comes back.
    func transmitRehearsals(to host: HostID, at now: UTCInstant) throws {
        for record in state.rehearsals.values
        where record.awaits(host) && record.mayBegin(host) && now < record.ordered.until
            && !isFrozen(record.ordered.plan, host)
        {
            try transmit(record.order, of: record.ordered.plan, to: host, at: now, rehearses: true)
        }
    }

    /// To hosts with a stream here whose turn has come by what was written elsewhere, or that were held until now.
    func transmitRehearsals(of record: RehearsalRecord) {
        for host in record.ordered.plan.hosts where record.awaits(host.id) && hub.isOnline(host.id) {
            do { try transmitRehearsals(to: host.id, at: time.now()) } catch {
                logger.error("rehearsal not ordered", metadata: ["host": "\(host.id)", "error": "\(error)"])
            }
        }
    }

    // MARK: the host's word

    /// The final word on a rehearsal: its statement is filed once, and nothing of it is kept with the report. A statement that
    /// nobody asked for is dropped.
    /// - Throws: what cannot be written; the host says it again then.
    func takeRehearsal(in report: HostReport, of host: HostID) throws -> HostReport {
        guard case .outcome(var outcome) = report.body else { return report }
        let file = outcome.rehearsal
        outcome.rehearsal = nil
        var report = report
        report.body = .outcome(outcome)
        guard let record = state.rehearsals[outcome.order.rollout], record.order == outcome.order,
            record.awaits(host)
        else { return report }
        var end = RehearsalEnded(rehearsal: record.id, host: host, outcome: outcome.outcome, isProved: false)
        do {
            if let file { (end.evidence, end.isProved) = try fileStatement(file, of: host, record) }
        } catch let error where Self.isRefusal(error) {
            let refusal = ReportedError(error)
            end.refusal = refusal.summary
            logger.warning(
                "a rehearsal's statement was refused", metadata: ["host": "\(host)", "error": "\(refusal)"])
        }
        var after = record
        after.end(end)
        if after.isByPhase, after.isOver { end.whole = try fileWhole(after) }
        try commit(.rehearsalEnded(end), by: "host:\(host)", at: time.now())
        for next in after.ordered.plan.hosts where after.mayBegin(next.id) && !record.mayBegin(next.id) {
            // Its end is written down: who is not reached now hears it when it comes back.
            do { try transmitRehearsals(to: next.id, at: time.now()) } catch {
                logger.error("rehearsal not ordered", metadata: ["host": "\(next.id)", "error": "\(error)"])
            }
        }
        return report
    }

    // MARK: the whole

    /// Until when its hosts are waited for. Nothing begins after its time; who is at work by then installs, backs out and
    /// installs, as long as any order may take each. A controller that was away hears them first.
    func endsAt(_ record: RehearsalRecord) -> UTCInstant {
        let isAtWork = record.ordered.plan.hosts.contains { host in
            record.awaits(host.id) && state.hosts[host.id]?.steps.keys.contains { $0.rollout == record.id } == true
        }
        let atWork = isAtWork ? record.ordered.plan.definition.limits.progressDeadline * 3 : .zero
        return max(record.ordered.until + atWork, hostsAwaitedUntil)
    }

    /// Of plans whose time is over: a host that was silent till then has not proved it, and the whole has failed.
    func endSilentRehearsals() {
        let now = time.now()
        for record in state.openRehearsals where endsAt(record) <= now {
            do { try overtaken { try endSilent(record.id, at: now) } } catch {
                logger.error("a rehearsal waits for its end", metadata: ["id": "\(record.id)", "error": "\(error)"])
                retryAt = now + .seconds(5)
            }
        }
    }

    private func endSilent(_ id: RolloutID, at now: UTCInstant) throws {
        guard let record = state.rehearsals[id], !record.isOver else { return }
        var (after, ends) = (record, [RehearsalEnded]())
        for host in record.ordered.plan.hosts where record.awaits(host.id) && record.mayBegin(host.id) {
            ends.append(RehearsalEnded(rehearsal: id, host: host.id, outcome: .silent, isProved: false))
            after.end(ends[ends.count - 1])
        }
        ends[ends.count - 1].whole = try fileWhole(after)
        let events = ends.map { NewEvent(actor: Self.engineActor, event: .rehearsalEnded($0)) }
        try commit(StoreChange(events: events), at: now)
    }

    /// What the hosts of a plan proved together: passed, if all did. Once: also where the end could not be written after it,
    /// because another controller wrote first.
    /// - Returns: nil: it was refused, as of a release whose file is closed by now. The hosts' words are taken all the same: they
    ///   would come again for ever.
    func fileWhole(_ record: RehearsalRecord) throws -> SHA256Digest? {
        let (plan, now) = (record.ordered.plan, time.now())
        let isProved = plan.hosts.allSatisfy { record.ends[$0.id]?.isProved == true }
        let notes = plan.phases.map { phase in
            // Who did not prove it stands where a long line is not cut.
            let ids = phase.hosts.map(\.id)
            let sorted =
                ids.filter { record.ends[$0]?.isProved != true } + ids.filter { record.ends[$0]?.isProved == true }
            let hosts = sorted.map { "\($0) \(record.state(of: $0, at: now).rawValue)" }
            return "\(phase.name): \(hosts.joined(separator: ", "))".bounded(200)
        }
        let summary = EvidenceSummary(result: isProved ? .passed : .failed, notes: notes)
        let filed = state.lifecycle(record.release).record.evidence.first {
            $0.kind == .rehearsal && $0.by == Self.engineActor && $0.about == record.id.text && $0.summary == summary
        }
        if let filed { return filed.id }
        // One that nobody ended in time is no newer than its time: a later rehearsal counts before it.
        let statement = EvidenceStatement(
            kind: .rehearsal, package: plan.manifest, summary: summary, about: record.id.text,
            statedAt: min(now, record.ordered.until),
            document: nil)
        let envelope = try DSSEEnvelope.sign(
            statement.bytes(of: record.release), type: EvidenceStatement.payloadType, keys: keys.director)
        let signer = EvidenceMaterial.Signer(
            name: Self.engineActor, keyID: keys.director.first?.publicKey.keyID ?? "", envelope: envelope)
        do {
            let material = try EvidenceMaterial(EvidenceRequest(envelope: envelope.json), by: signer)
            let speaker = PersonRecord(name: Self.engineActor, tokenHash: SHA256Digest(of: []), permissionSets: [])
            _ = try addEvidence(record.release, material, by: speaker)
        } catch let error where Self.isRefusal(error) {
            logger.warning(
                "the statement about a whole rehearsal was refused",
                metadata: ["rehearsal": "\(record.id)", "error": "\(ReportedError(error))"])
            return nil
        }
        return SHA256Digest(of: envelope.json.canonicalBytes)
    }

    /// By what was said, not by what could not be written.
    private static func isRefusal(_ error: any Error) -> Bool {
        switch error {
        case is LifecycleError, is TrustError, is DefinitionError: true
        case let error as ControllerError: error.status.code < 500 && !error.isOvertaken
        default: false
        }
    }

    private func fileStatement(
        _ file: HostReceiptFile, of host: HostID, _ record: RehearsalRecord
    ) throws -> (evidence: SHA256Digest, isProved: Bool) {
        let envelope = try DSSEEnvelope(json: file.envelope)
        guard envelope.json.canonicalBytes.count <= Int(EvidenceStatement.sizeMax.value) else {
            throw ControllerError.badRequest(
                "rehearsalSize", "The statement of \(host) is longer than \(EvidenceStatement.sizeMax).",
                remedy: "Nothing was taken. Look at what runs on that host as slipway-agent.")
        }
        let statement = try EvidenceStatement(parsing: envelope.payload)
        let order = try JSONValue(parsing: envelope.payload)["predicate"]?["order"]
        guard statement.host == host, order == (try JSONCoding.value(of: record.order)) else {
            throw ControllerError.forbidden(
                "rehearsal", "The statement of \(host) is not about the rehearsal \(record.id).",
                remedy: "Nothing was taken. Order the rehearsal again.")
        }
        let signer = try evidenceSigner(envelope, certificate: file.certificate, about: record.release)
        let id = SHA256Digest(of: signer.envelope.json.canonicalBytes)
        // Filed before the end was written down, and a kill between the two.
        if !state.lifecycle(record.release).record.evidence.contains(where: { $0.id == id }) {
            let material = try EvidenceMaterial(EvidenceRequest(envelope: file.envelope), by: signer)
            let speaker = PersonRecord(name: "host:\(host)", tokenHash: SHA256Digest(of: []), permissionSets: [])
            _ = try addEvidence(record.release, material, by: speaker)
        }
        return (id, statement.summary.result == .passed)
    }

    // MARK: views

    func rehearsalView(_ id: RolloutID) throws -> RehearsalView {
        guard let record = state.rehearsals[id] else { throw ControllerError.notFound("rehearsal \(id)") }
        let now = time.now()
        let hosts = record.ordered.plan.hosts.map { host in
            RehearsalHostView(
                host: host.id, state: record.state(of: host.id, at: now), seen: seen(record, host.id),
                evidence: record.ends[host.id]?.evidence, phase: record.phase(of: host.id)?.name)
        }
        return RehearsalView(
            id: id, release: record.release, environment: record.ordered.plan.definition.environment,
            orderedAt: record.at, by: record.by, until: record.ordered.until, hosts: hosts,
            evidence: record.whole)
    }

    private func seen(_ record: RehearsalRecord, _ host: HostID) -> [String] {
        guard let end = record.ends[host] else {
            let own = state.hosts[host]?.steps.filter { $0.key.rollout == record.id } ?? [:]
            // Install, back out, install again: the one that began last says where it stands.
            let last = own.max { one, other in
                let (left, right) = (one.key, other.key)
                return left.attempt == right.attempt ? left.action == .backOut : left.attempt < right.attempt
            }
            return last.map { ["\($0.key.action.rawValue): \($0.value.rawValue)"] } ?? []
        }
        let evidence = state.lifecycle(record.release).record.evidence.first { $0.id == end.evidence }
        return evidence?.summary.notes ?? [end.refusal ?? "no statement came: \(end.outcome.words)"]
    }
}
