import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// Freeze now (semantics 4): whatever is in scope halts, but back-outs; nothing starts there until somebody lifts it. An
/// emergency goes past it with its own permission and reason, and the log says so; for one release a person whom the policy
/// lets do so sets it aside, as any rule.
extension Controller {
    func declareFreeze(_ request: FreezeRequest, by actor: String) throws -> FreezeView {
        guard request.reason.contains(where: { !$0.isWhitespace }) else {
            throw ControllerError.badRequest("reason", "A freeze has no reason.", remedy: "Say why, with --reason.")
        }
        if let environment = request.environment { try checkEnvironment(environment) }
        if let product = request.product { try checkProduct(product) }
        var event = FreezeDeclared(
            id: "f\(state.freezes.count + 1)", reason: request.reason.bounded(4000),
            environment: request.environment, product: request.product, hosts: request.hosts ?? .all, rollouts: [])
        let now = time.now()
        let record = FreezeRecord(declared: event, at: now, by: actor)
        var decisions = Decisions()
        for id in state.rolloutOrder {
            guard let rollout = state.rollouts[id], rollout.isActive, let plan = rollout.plan, record.concerns(plan)
            else { continue }
            let count = decisions.events.count
            try decisions.decide(
                .freeze(by: actor, reason: "freeze \(event.id): \(event.reason)"), on: rollout, by: actor, at: now)
            if decisions.events.count > count { event.rollouts.append(id) }
        }
        // One transaction: nothing starts between the freeze and the halts.
        try commit(
            StoreChange(events: [NewEvent(actor: actor, event: .freezeDeclared(event))] + decisions.events), at: now)
        drive()
        var view = try freezeView(event.id)
        view.hostCount = state.hosts.values.count { host in
            (event.environment == nil || event.environment == host.environment)
                && event.hosts.matches(id: host.id, labels: host.labels)
        }
        return view
    }

    func liftFreeze(_ id: String, _ request: ReasonRequest, by actor: String) throws -> FreezeView {
        let record = try freeze(id)
        if let lift = record.lift {
            throw ControllerError.conflict(
                "lifted", "The freeze \(id) was lifted at \(lift.at) by \(lift.by) (\(lift.reason)).",
                remedy: "Nothing is left to do: slipway freeze list shows what stands.")
        }
        guard request.reason.contains(where: { !$0.isWhitespace }) else {
            throw ControllerError.badRequest("reason", "The lift has no reason.", remedy: "Say why, with --reason.")
        }
        let now = time.now()
        restingRollouts = []
        try commit(.freezeLifted(FreezeLifted(id: id, reason: request.reason.bounded(4000))), by: actor, at: now)
        for rehearsal in state.rehearsals.values where !rehearsal.isOver { transmitRehearsals(of: rehearsal) }
        // Hosts that came while it stood.
        for host in state.hostsInOrder where record.concerns(host.id, labels: host.labels) {
            let isFirst = host.firstInventoryAt.map { $0 >= record.at } ?? false
            try letJoin(host.id, isFirst: isFirst, at: now)
        }
        drive()
        return try freezeView(id)
    }

    private func freeze(_ id: String) throws -> FreezeRecord {
        guard let record = state.freezes.first(where: { $0.declared.id == id }) else {
            throw ControllerError.notFound("freeze \(id)", remedy: "slipway freeze list shows what stands.")
        }
        return record
    }

    /// A freeze of a name that nobody uses would stand over nothing, and whoever declared it would believe that it holds.
    private func checkProduct(_ product: ProductName) throws {
        let known = Set(state.releases.keys.map(\.product)).union(state.hosts.values.flatMap { Array($0.running.keys) })
        guard !known.contains(product) else { return }
        throw ControllerError(
            .notFound, code: "request.product",
            summary: "There is no product \(product)"
                + (known.isEmpty
                    ? "." : ", there are \(known.sorted().prefix(20).map(\.text).joined(separator: ", "))."),
            remedy: "Nothing is frozen. Name one of them, or leave --product out and freeze everything.")
    }

    // MARK: what it holds

    /// In the policy's words, so that it is refused, warned of and set aside like the policy's own freezes.
    func freezeRefusals(of definition: RolloutDefinition) -> [PolicyRefusal] {
        let hosts = matchingHosts(definition)
        return state.standingFreezes.filter { record in
            record.concerns(definition.release.product, in: definition.environment)
                && (record.declared.hosts == .all || hosts.contains { record.concerns($0.id, labels: $0.labels) })
        }.map(\.refusal)
    }

    /// The verbs that start hosts are refused as long as it stands.
    /// - Throws: `controller.policy.freeze` (423).
    func refuseFrozen(_ id: RolloutID) throws {
        guard let record = state.rollouts[id], record.isActive, let plan = record.plan else { return }
        let (release, environment) = (plan.definition.release, plan.definition.environment)
        let standing = state.standingFreezes.filter { $0.concerns(plan) }.map(\.refusal)
        try refuse(standing, release, in: environment)
    }

    /// Whether a host may not be started by a rollout that is over: late joiners, and hosts that catch up. One that is
    /// pinned or in maintenance is frozen for itself.
    func isFrozen(_ plan: RolloutPlan, _ host: HostID) -> Bool {
        let standing = state.standingFreezes
        guard !plan.urgency.isEmergency else { return false }
        if state.markedHosts.contains(host) { return true }
        guard !standing.isEmpty else { return false }
        let definition = plan.definition
        guard !state.policy.isOverridden(.freeze, definition.release, in: definition.environment, at: time.now()) else {
            return false
        }
        let labels = state.hosts[host]?.labels ?? [:]
        return standing.contains {
            $0.concerns(definition.release.product, in: definition.environment) && $0.concerns(host, labels: labels)
        }
    }

    /// Of rollouts that are under way the engine holds the starts; of those that are over, we do.
    func isFrozen(_ action: RolloutAction, of record: RolloutRecord) -> Bool {
        guard !record.isActive, let plan = record.plan, case .sendOrder(let host, let order) = action,
            order.action == .install
        else { return false }
        return isFrozen(plan, host)
    }

    /// What a channel says while it is frozen: nobody is meant, but what is revoked is said.
    func frozen(_ view: ChannelView, of record: RolloutRecord, _ plan: RolloutPlan) -> ChannelView {
        guard !record.isActive, view.order.action == .install, !state.standingFreezes.isEmpty else { return view }
        var view = view
        view.included = view.included.filter { !isFrozen(plan, $0) }
        guard view.everyone || view.bound != nil else { return view }
        let environment = plan.definition.environment
        let held = state.hostsInOrder.filter { $0.environment == environment && isFrozen(plan, $0.id) }.map(\.id)
        view.excluded = Set(view.excluded + held).sorted()
        // Of hosts that nobody knows no labels are known: a freeze of some hosts does not hold them.
        let unknown = HostID(unchecked: "host-unknown")
        if isFrozen(plan, unknown) { view = ChannelView(order: view.order, included: view.included) }
        return view
    }

    // MARK: views

    func freezeView(_ id: String) throws -> FreezeView { try freeze(id).view }

    /// Those that people declared, then those of the policy that are not over.
    func freezeViews() -> [FreezeView] {
        let now = time.now()
        let planned = (policy?.freezes ?? []).enumerated().filter { $0.element.freeze.until > now }.map { number, it in
            let place = policy?.place(of: "freezes[\(number)]")
            return FreezeView(
                id: place.map { "\(PolicyView.fileName):\($0.line):\($0.column)" } ?? "freezes[\(number)]",
                origin: .policy, reason: it.freeze.reason, environments: it.environments, product: nil, hosts: it.hosts,
                from: it.freeze.from, until: it.freeze.until, by: state.policy.current?.by ?? "policy",
                isStanding: it.freeze.holds(at: now))
        }
        return state.freezes.map(\.view) + planned
    }
}

extension FreezeRecord {
    func concerns(_ plan: RolloutPlan) -> Bool {
        concerns(plan.definition.release.product, in: plan.definition.environment)
            && (declared.hosts == .all || plan.hosts.contains { concerns($0.id, labels: $0.labels) })
    }

    var refusal: PolicyRefusal {
        PolicyRefusal(
            rule: .freeze, path: "freeze \(declared.id)", place: nil,
            summary: "frozen since \(at) by \(by): \(declared.reason).",
            remedy: "Start it once somebody has lifted it (slipway freeze lift \(declared.id) --reason REASON).")
    }

    var view: FreezeView {
        FreezeView(
            id: declared.id, origin: .now, reason: declared.reason,
            environments: declared.environment.map { [$0] } ?? [], product: declared.product, hosts: declared.hosts,
            from: at, until: lift?.at, by: by, isStanding: isStanding, liftedAt: lift?.at, liftedBy: lift?.by,
            liftReason: lift?.reason, rollouts: declared.rollouts)
    }

    /// For the console.
    var notice: ConsoleNotice {
        ConsoleNotice(
            tone: "waiting",
            text:
                "Frozen: \(view.scopeWords), since \(ConsoleWords.moment(at)) by \(ConsoleWords.person(by)): \(declared.reason)",
            command: "slipway freeze lift \(declared.id) --reason …")
    }
}
