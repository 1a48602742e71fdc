import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What it means to rollouts that hosts come and go.
extension Controller {
    /// What a host is told first.
    func heard(_ host: HostID) -> HeardReports {
        HeardReports(through: state.hosts[host]?.heardThrough ?? 0, isReady: failedUses.isEmpty ? nil : false)
    }

    func contactBegan(_ host: HostID) {
        // It may have been let in just before its identity was revoked.
        if let standing = state.hosts[host]?.identity.standing,
            let refusal = ControllerError.refusal(of: host, standing)
        {
            return endStream(of: host, saying: refusal)
        }
        lastSeen[host] = time.now()
        // Where it cannot be noted, another controller may take the host for absent; it is corrected as it is heard.
        try? shared?.noteContact(of: host, with: holder)
        // Before any order: a host that was heard further than that tells again what was lost with it.
        hub.send(.heard(heard(host)), sequence: store.sequence, to: host)
        if wantsRenewal(host) { hub.send(.renew, sequence: store.sequence, to: host) }
        tellLabels(host)
        // Before the engine hears of the contact: what it orders upon that goes out by itself.
        let outstanding = state.rolloutOrder.compactMap { id -> (RolloutPlan, [OrderID])? in
            guard let record = state.rollouts[id], let plan = record.plan, record.awaits(host) else { return nil }
            return (plan, record.rollout.outstandingOrders(for: host))
        }
        tellAll(.contact(host, .online)) { $0.awaits(host) }
        let now = time.now()
        for (plan, orders) in outstanding {
            for order in orders {
                do {
                    try transmit(order, of: plan, to: host, at: now)
                } catch {
                    logger.error("order not sent again", metadata: ["host": "\(host)", "error": "\(error)"])
                }
            }
        }
        do { try transmitRehearsals(to: host, at: now) } catch {
            logger.error("rehearsal not ordered again", metadata: ["host": "\(host)", "error": "\(error)"])
        }
    }

    func contactEnded(_ host: HostID) {
        if lastSeen[host] != nil { lastSeen[host] = time.now() }
        if let shared, (try? shared.endContact(of: host, with: holder)) == false { return }
        tellAll(.contact(host, .offline)) { $0.awaits(host) }
    }

    /// A fact from outside, to every rollout it concerns. Such facts never make the engine throw.
    func tellAll(_ command: RolloutCommand, where concerns: (RolloutRecord) -> Bool) {
        let now = time.now()
        do {
            try overtaken(isForLeader: false) {
                var decisions = Decisions()
                for id in state.rolloutOrder {
                    guard let record = state.rollouts[id], concerns(record) else { continue }
                    try decisions.decide(command, on: record, by: Self.engineActor, at: now)
                }
                if !decisions.events.isEmpty { try commit(StoreChange(events: decisions.events), at: now) }
            }
        } catch {
            logger.error("a fact was not stored", metadata: ["fact": "\(command)", "error": "\(error)"])
            retryAt = now + .seconds(5)
        }
        drive()
    }

    /// Hosts of active rollouts that did not come back.
    func noteAbsentHosts() {
        guard leads else { return }
        let online = onlineHosts
        let wanted = state.rollouts.values.filter(\.isActive).flatMap { $0.plan?.hosts ?? [] }
        let absent = Set(wanted.filter { $0.delivery == .push && !online.contains($0.id) }.map(\.id)).sorted()
        let now = time.now()
        do {
            try overtaken {
                // One transaction for all that a rollout misses: there may be thousands.
                for record in state.rolloutOrder.compactMap({ state.rollouts[$0] }) {
                    var decisions = Decisions()
                    for host in absent where record.awaits(host) {
                        try decisions.decide(.contact(host, .offline), on: record, by: Self.engineActor, at: now)
                    }
                    if !decisions.events.isEmpty { try commit(StoreChange(events: decisions.events), at: now) }
                }
            }
        } catch {
            logger.error("who is absent was not stored", metadata: ["error": "\(error)"])
            retryAt = now + .seconds(5)
        }
        drive()
    }
}
