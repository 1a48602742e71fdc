import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust

/// What people ask of rollouts.
extension Controller {
    /// Starts a rollout as its file says, and as the plan that a person looked at.
    /// - Throws: `controller.plan.required` (428), `controller.conflict.planChanged` (409) with every difference.
    func start(
        _ definition: RolloutDefinition, plan digest: SHA256Digest?, acceptHostChanges: Int, by actor: String
    ) throws -> ControllerAPI.RolloutView {
        try start(definition, urgency: .ordinary, agreed: (digest, acceptHostChanges), by: actor) { _ in true }
    }

    /// The release to the hosts that are connected now, as the policy of their environment wants it.
    func push(_ request: PushRequest, by actor: String) throws -> ControllerAPI.RolloutView {
        let environment = try request.environment ?? environment(of: request.hosts)
        let definition = (policy ?? ReleasePolicy()).rollout(
            of: request.release, in: environment, to: request.hosts)
        let online = onlineHosts
        try refuseUnreachable(definition, online)
        return try start(definition, urgency: .ordinary, by: actor) { online.contains($0.id) }
    }

    /// A push goes to connected hosts alone: where hosts match and none is one, it says what they are instead.
    private func refuseUnreachable(_ definition: RolloutDefinition, _ online: Set<HostID>) throws {
        let matching = state.hostsInOrder.filter {
            $0.environment == definition.environment && $0.identity.standing.isActive
                && definition.hosts.matches(id: $0.id, labels: $0.labels)
        }
        guard !matching.isEmpty, !matching.contains(where: { online.contains($0.id) }) else { return }
        let pulling = matching.count { $0.delivery == .pull }
        throw ControllerError.conflict(
            "noneConnected",
            "Of the \(matching.count.of("host")) of \(definition.environment) that match \(definition.hosts) none is "
                + "connected: \(pulling) pull, \(matching.count - pulling) are away.",
            remedy: pulling > 0
                ? "Hosts that pull take it with their next check: write a rollout file, and slipway rollout start FILE."
                : "See since when: slipway hosts list. A rollout (slipway rollout start FILE) waits for hosts that are away."
        )
    }

    /// Signs the release into the emergency role, then to every matching host at once.
    func emergencyPush(_ request: EmergencyPushRequest, by actor: String) throws -> ControllerAPI.RolloutView {
        guard !request.reason.isEmpty else {
            throw ControllerError.badRequest(
                "reason", "An emergency push has no reason.", remedy: "Say why it cannot wait, with --reason.")
        }
        let environment = try request.environment ?? environment(of: request.hosts)
        let definition = RolloutDefinition(
            release: request.release, environment: environment, hosts: request.hosts, strategy: .bigBang,
            limits: RolloutLimits(parallelism: .percent(100)))
        let reason = request.change.map { "\(request.reason) (\($0))" } ?? request.reason
        let alarm = { id in
            EmergencyReleased(
                rollout: id, release: request.release, environment: environment,
                reason: request.reason.bounded(4000), change: request.change.map { $0.bounded(800) })
        }
        return try start(definition, urgency: .emergency(reason: reason), alarm: alarm, by: actor) { _ in true }
    }

    func act(
        _ verb: RolloutVerb, on id: RolloutID, _ request: RolloutVerbRequest, by actor: String
    ) throws -> ControllerAPI.RolloutView {
        let reason = try reason(of: verb, request)
        let command: RolloutCommand =
            switch verb {
            case .pause: .pause(by: actor, reason: reason)
            case .halt: .halt(by: actor, reason: reason)
            case .resume: .resume(by: actor, reason: reason)
            case .stop: .stop(by: actor, reason: reason)
            case .abort:
                .abort(try request.scope.map { .backOut(try target($0)) } ?? .keep, by: actor, reason: reason)
            case .backOut: .backOut(try target(request), by: actor, reason: reason)
            case .promote: .promote(by: actor, reason: reason)
            case .retry: .retry(try named(request, verb), by: actor, reason: reason)
            case .skip: .skip(try named(request, verb), by: actor, reason: reason)
            }
        try requireHosts(request.hosts ?? [], in: id)
        if verb.startsHosts { try refuseFrozen(id) }
        if let record = state.rollouts[id], !record.isActive {
            try actAfterEnd(verb, command, on: record, by: actor)
        } else {
            try tell(id, command, by: actor)
        }
        return try rolloutView(id)
    }

    func requireHosts(_ hosts: [HostID], in id: RolloutID) throws {
        guard let record = state.rollouts[id], let stranger = hosts.first(where: { !record.contains($0) }) else {
            return
        }
        throw ControllerError.notFound(
            "host \(stranger) in rollout \(id)", remedy: "Look at its hosts with slipway rollout show \(id).")
    }

    /// A rollout that has ended is not told who comes and goes; its back-out must not wait for hosts that are there, nor
    /// begin with one that is not. One that was superseded has again the hosts that were left on what it brought.
    private func actAfterEnd(
        _ verb: RolloutVerb, _ command: RolloutCommand, on record: RolloutRecord, by actor: String
    ) throws {
        try refuseOlder(verb, of: record)
        let (now, online) = (time.now(), onlineHosts)
        var decisions = Decisions()
        if verb == .backOut {
            let left = state.hostsLeft(on: record)
            if !left.isEmpty { try decisions.decide(.reclaim(left), on: record, by: actor, at: now) }
            for host in record.plan?.hosts ?? [] where host.delivery == .push {
                let contact = RolloutCommand.contact(host.id, online.contains(host.id) ? .online : .offline)
                try decisions.decide(contact, on: record, by: Self.engineActor, at: now)
            }
        }
        try decisions.decide(command, on: record, by: actor, at: now)
        try commit(StoreChange(events: decisions.events), at: now)
        drive()
    }

    /// The newest rollout of a channel is the one by which it is held and let go.
    private func refuseOlder(_ verb: RolloutVerb, of record: RolloutRecord) throws {
        guard [.pause, .halt, .stop, .resume].contains(verb), let definition = record.plan?.definition,
            let newest = state.newestOfChannel(definition), newest != record.id
        else { return }
        throw ControllerError.conflict(
            "channel", "Rollout \(record.id) is over, and its channel has gone on to rollout \(newest).",
            remedy: "Use slipway rollout \(verb.rawValue) \(newest) --reason … instead.")
    }

    private func reason(of verb: RolloutVerb, _ request: RolloutVerbRequest) throws -> String {
        if let reason = request.reason, !reason.isEmpty { return reason.bounded(4000) }
        guard [.pause, .stop, .promote].contains(verb) else {
            throw ControllerError.badRequest(
                "reason", "\(verb.rawValue) needs a reason: it stands in the log.", remedy: "Add --reason.")
        }
        return "no reason given"
    }

    private func named(_ request: RolloutVerbRequest, _ verb: RolloutVerb) throws -> [HostID] {
        guard let hosts = request.hosts, !hosts.isEmpty else {
            throw ControllerError.badRequest(
                "hosts", "\(verb.rawValue) names no host.",
                remedy: "Name them, as slipway rollout \(verb.rawValue) ID HOST….")
        }
        return hosts
    }

    private func target(_ request: RolloutVerbRequest) throws -> BackOutTarget {
        if let hosts = request.hosts, !hosts.isEmpty { return .hosts(hosts) }
        return try target(request.scope ?? .rollout)
    }

    private func target(_ scope: BackOutScope) throws -> BackOutTarget {
        switch scope {
        case .phase: .phase
        case .rollout: .rollout
        case .host:
            throw ControllerError.badRequest(
                "scope", "A back-out by hand is of a phase or of the rollout, or of hosts that are named.",
                remedy: "Name them with --host HOST, or use scope phase or rollout.")
        }
    }
}

extension Controller {
    @discardableResult
    func start(
        _ definition: RolloutDefinition, urgency: RolloutUrgency,
        agreed: (digest: SHA256Digest?, hostChanges: Int)? = nil,
        alarm: ((RolloutID) -> EmergencyReleased)? = nil, by actor: String, admits: (HostRecord) -> Bool
    ) throws -> ControllerAPI.RolloutView {
        let record = try release(definition.release)
        let environment = definition.environment
        try checkEnvironment(environment)
        try refuseRevoked(record, in: environment)
        guard record.isApproved(in: environment) || urgency.isEmergency else {
            throw approvalMissing(definition.release, in: environment)
        }
        if !urgency.isEmergency { try obeyPolicyAtStart(definition) }
        try obeyLifecycle(definition.release, in: environment, isEmergency: urgency.isEmergency)
        let agreed = try agreed.map { (plan: try agreedPlan($0.digest), hostChanges: $0.hostChanges) }
        let id = try authorisedID(definition, urgency, agreed: agreed?.plan, by: actor)
        let plan = try makePlan(definition, id: id, urgency: urgency, admits: admits)
        if let agreed { try refuseChange(of: agreed.plan, to: plan, accepting: agreed.hostChanges) }
        let now = time.now()
        var decisions = Decisions()
        let hosts = Set(plan.hosts.map(\.id))
        for other in try superseded(by: plan) {
            // A back-out that stands still has nothing left to finish where all its hosts get the newer release: resumed, it
            // would undo that.
            if other.hasHeldBackOut, other.plan?.hosts.allSatisfy({ hosts.contains($0.id) }) == true {
                let reason = "rollout \(id) of \(definition.release) has its hosts"
                try decisions.decide(.stop(by: actor, reason: reason), on: other, by: actor, at: now)
            }
            try decisions.decide(.supersede(by: id), on: other, by: actor, at: now)
        }
        let new = RolloutRecord(id: id)
        try decisions.decide(.start(plan, by: actor), on: new, by: actor, at: now)
        if urgency.isEmergency, let passed = passedOver(definition, by: id) {
            decisions.add(.policyPassedOver(passed), by: actor)
        }
        let online = onlineHosts
        for host in plan.hosts where host.delivery == .push && !online.contains(host.id) {
            try decisions.decide(.contact(host.id, .offline), on: new, by: actor, at: now)
        }
        // Whoever may push emergencies signs for them, once the plan is known to be possible.
        if urgency.isEmergency, !record.isApprovedForEmergency {
            // The key of the request is kept with the push: killed between the two, the same request goes on from here.
            let outcome = try ChangeTerms.$current.withValue(nil) { try approve(record.submitted, in: nil, by: actor) }
            if case .waiting = outcome {
                throw approvalMissing(definition.release, in: EnvironmentName(unchecked: ApprovalPlace.emergencyWord))
            }
        }
        let alarms = alarm.map { [NewEvent(actor: actor, event: .emergencyReleased($0(id)))] } ?? []
        try commit(StoreChange(events: alarms + decisions.events), at: now)
        if alarm != nil {
            logger.warning(
                "EMERGENCY release: its review is owed",
                metadata: ["rollout": "\(id)", "release": "\(definition.release)", "by": "\(actor)"])
        }
        drive()
        return try rolloutView(id)
    }

    /// Semantics 6. Hosts refuse it as well; here nobody has to find out one by one.
    func refuseDowngrade(_ definition: RolloutDefinition, _ hosts: [HostRecord]) throws {
        let release = definition.release
        let newer = hosts.first { host in
            guard definition.hosts.matches(id: host.id, labels: host.labels) else { return false }
            return host.running[release.product].map { $0.release.version > release.version } ?? false
        }
        guard let newer, let running = newer.running[release.product]?.release else { return }
        throw ControllerError.conflict(
            "downgrade", "The host \(newer.id) runs \(running), which is newer than \(release).",
            remedy: "To go back, back out the rollout that brought it"
                + (state.wanted(on: newer.id)[release.product].map {
                    " (slipway rollout back-out \($0.rollout) --reason REASON)"
                } ?? "") + "; to replace it, submit the old content as a new version.")
    }

    /// The rollouts that give way (semantics 6).
    func superseded(by plan: RolloutPlan) throws -> [RolloutRecord] {
        let records = state.rolloutOrder.compactMap { state.rollouts[$0] }
        let supersession = try Supersession(
            of: plan, priority: plan.definition.priority ?? 0,
            others: records.map { record in
                let its = record.plan?.definition.priority ?? 0
                // Of one continuous rollout the newest release wins.
                return (record.rollout, record.plan.map(plan.follows) == true ? its - 1 : its)
            })
        return supersession.givesWay.compactMap { state.rollouts[$0] }
    }

    func release(_ name: ReleaseName) throws -> ReleaseRecord {
        guard let record = state.releases[name] else {
            throw ControllerError.notFound("release \(name)", remedy: "List them with slipway release list.")
        }
        return record
    }

    func refuseRevoked(_ record: ReleaseRecord, in environment: EnvironmentName) throws {
        guard let revocation = record.revocation(in: environment) else { return }
        throw ControllerError.conflict(
            "revoked",
            "\(record.submitted.release) was revoked for \(environment) at \(revocation.at) by \(revocation.by): "
                + "\(revocation.reason)",
            remedy: "Submit a corrected release under a new version.")
    }

    /// The one environment of the hosts that match.
    func environment(of query: HostQuery) throws -> EnvironmentName {
        let matching = state.hostsInOrder.filter {
            $0.identity.standing.isActive && query.matches(id: $0.id, labels: $0.labels)
        }
        let environments = Set(matching.map(\.environment)).sorted()
        guard let environment = environments.first, environments.count == 1 else {
            throw ControllerError.badRequest(
                "environment",
                environments.isEmpty
                    ? "No host matches \(query)."
                    : "The hosts that match \(query) are of several environments: \(environments.texts).",
                remedy: environments.isEmpty ? "Look with slipway hosts list." : "Name one with --environment.")
        }
        return environment
    }

    /// `r12-5f3a`: a number for people, some chance so that the order of hosts is not the same each time.
    func newRolloutID() throws -> RolloutID {
        try RolloutID("r\(state.rolloutOrder.count + 1)-\(Hexadecimal.encode(random.bytes(2)))")
    }
}

extension RolloutVerb {
    /// After it hosts may start that would not have.
    var startsHosts: Bool { [.resume, .promote, .retry].contains(self) }
}

extension HostRecord {
    func planHost(_ product: ProductName) -> PlanHost {
        PlanHost(
            id: id, labels: labels, labelsOnHost: labelsOnHost, delivery: delivery,
            checkInterval: inventory?.checkInterval,
            running: running[product]?.release, isUnhealthy: running[product]?.isHealthy == false ? true : nil)
    }
}
