import AgentProtocol
import ReleaseDefinition

extension Rollout {
    /// What is still to be done, the revocation first. Empty once the events that record each have been applied.
    public func pendingActions(at now: UTCInstant) -> [RolloutAction] {
        guard let plan else { return [] }
        // A revocation outlives everything, also a newer rollout.
        var actions: [RolloutAction] = revocation == .wanted ? [.revoke(plan.manifest)] : []
        guard !isRetired else { return actions }
        for host in hosts.wantedHosts {
            if host.cancelling == .wanted {
                actions.append(.cancelOrder(host: host.id, order: order(.install, for: host)))
            } else if host.backOut?.isAdmitted == true, backsOut {
                actions.append(.sendOrder(host: host.id, order: order(.backOut, for: host)))
            } else if host.install.isAdmitted, startsHosts {
                actions.append(.sendOrder(host: host.id, order: order(.install, for: host)))
            }
        }
        actions += pendingTraffic
        if let channel, channel != publishedChannel { actions.append(.publishChannel(channel)) }
        return actions + gateActions
    }

    /// Orders to send again to a pushed host whose stream has just opened: the first sending may have been lost. Ask
    /// before `contact(host, .online)` is decided, which may make new orders pending. A host that has said nothing yet is
    /// not started anew during a halt.
    public func outstandingOrders(for host: HostID) -> [OrderID] {
        guard !isRetired, let record = record(host), record.delivery == .push else { return [] }
        if let backOut = record.backOut {
            switch backOut {
            case .working: return [order(.backOut, for: record)]
            case .ordered: return backsOut ? [order(.backOut, for: record)] : []
            // Admitted: it is pending, and has not gone out before.
            case .waiting, .admitted, .ended: return []
            }
        }
        switch record.install {
        case .working: return record.cancelling == .no ? [order(.install, for: record)] : []
        case .ordered: return startsHosts ? [order(.install, for: record)] : []
        case .waiting, .admitted, .ended: return []
        }
    }

    func order(_ action: OrderAction, for host: HostRecord) -> OrderID {
        OrderID(
            rollout: plan?.id ?? RolloutID(unchecked: "none"), action: action,
            attempt: action == .install ? host.installAttempt : host.backOutAttempt)
    }

    /// What the channel is to say now; nil: this rollout has nothing to say there and never had.
    private var channel: ChannelView? {
        guard let plan else { return nil }
        let pulling = hosts.pulling == 0 ? [] : hosts.filter { $0.delivery == .pull }
        let view =
            backOut != nil || reclaims || pulling.contains { $0.backOut?.isOpen == true }
            ? backOutView(pulling, plan) : installView(pulling, plan)
        return view.included.isEmpty && view.bucketBound == 0 && publishedChannel == nil ? nil : view
    }

    private func installView(_ pulling: [HostRecord], _ plan: RolloutPlan) -> ChannelView {
        let starts = startsHosts
        let order = OrderID(
            rollout: plan.id, action: .install, attempt: pulling.map(\.installAttempt).max() ?? 1)
        // Hosts that never enrolled are admitted only now, and only if every host was meant.
        if case .ended(.succeeded, _) = state, plan.definition.hosts == .all {
            let excluded = pulling.filter { !Self.mayHave($0, starts: true) && !$0.install.isWaiting }
            if excluded.count <= ChannelView.namedMax {
                return ChannelView(order: order, included: [], everyone: true, excluded: excluded.map(\.id))
            }
        }
        // By time: hosts that report still go phase by phase.
        if admitsSilent, starts {
            let excluded = pulling.filter { !Self.mayHave($0, starts: true) }
            // Who never reports waits for the end where more hosts still wait than an assignment can leave out.
            if excluded.count <= ChannelView.namedMax {
                return ChannelView(order: order, included: [], everyone: true, excluded: excluded.map(\.id))
            }
        }
        let cancels = cancelsStarts
        return ChannelView(
            order: order, naming: pulling, isOfAll: plan.definition.hosts == .all,
            isNamed: { Self.mayHave($0, starts: starts, cancels: cancels) },
            isIndifferent: \.hasTaken)
    }

    /// Whether the channel offers the release to this host. During a pause or a halt it does not to a host that has
    /// said nothing yet: no new starts.
    private static func mayHave(_ host: HostRecord, starts: Bool, cancels: Bool = false) -> Bool {
        guard host.backOut == nil else { return false }
        switch host.install {
        case .ended(.succeeded), .ended(.alreadyCurrent): return true
        // Before its switch it drops the order that it is not named in any more; after it, it goes on.
        case .working: return !cancels
        case .admitted, .ordered, .ended(.offline): return starts
        case .waiting, .ended: return false
        }
    }

    private func backOutView(_ pulling: [HostRecord], _ plan: RolloutPlan) -> ChannelView {
        let attempt = pulling.map(\.backOutAttempt).max() ?? 1
        let isNamed = { (host: HostRecord) -> Bool in
            switch host.backOut {
            case .working: true
            case .admitted, .ordered, .ended(.offline): backsOut
            // Kept while the attempt is the same, so that the channel does not change with every host that is done.
            case .ended: host.backOutSucceeded == true && host.wasOrderedBack && host.backOutAttempt == attempt
            case .waiting, nil: false
            }
        }
        return ChannelView(
            order: OrderID(rollout: plan.id, action: .backOut, attempt: attempt), naming: pulling,
            isOfAll: plan.definition.hosts == .all, isNamed: isNamed, isIndifferent: { $0.backOut?.isEnded == true })
    }
}

extension HostRecord {
    /// It has the release: whether the channel goes on naming it makes no difference to it.
    fileprivate var hasTaken: Bool { install == .ended(.succeeded) || install == .ended(.alreadyCurrent) }
}
