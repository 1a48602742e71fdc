import AgentProtocol
import ReleaseDefinition
import ReleaseDistribution
import ReleaseRollout

/// What `director/<channel>.json` says.
extension Controller {
    /// The engine's word for a rollout that is under way.
    func publish(_ view: ChannelView, of record: RolloutRecord) throws {
        guard let plan = record.plan else { return }
        let now = time.now()
        let envelope = try director.assignment(
            view, of: plan, counter: store.sequence, revoked: state.revoked(for: plan), at: now)
        let channel = ChannelName(
            environment: plan.definition.environment, product: plan.definition.release.product)
        try publisher.publish(
            RepositoryPublication(channels: [PublishedChannel(name: channel, envelope: envelope)]))
    }

    func publishChannel(of id: RolloutID) throws {
        guard let plan = state.rollouts[id]?.plan else { return }
        try publishChannel(environment: plan.definition.environment, product: plan.definition.release.product)
    }

    /// Publishes what the channel says by the log: the same after a restart, and anew before it expires.
    func publishChannel(environment: EnvironmentName, product: ProductName) throws {
        guard let record = state.channelRollout(environment: environment, product: product),
            let view = record.channelView
        else { return }
        try publish(view, of: record)
    }

    func publishAllChannels() throws {
        channelsPublishedAt = time.now()
        var seen: Set<ChannelName> = []
        for record in state.rollouts.values {
            guard let definition = record.plan?.definition else { continue }
            let (environment, product) = (definition.environment, definition.release.product)
            guard seen.insert(ChannelName(environment: environment, product: product)).inserted else { continue }
            try publishChannel(environment: environment, product: product)
        }
    }
}

extension Controller {
    /// Tells everyone who may run or install a revoked release: pulling hosts by the channel, pushed ones by the order
    /// they know, which now carries the revocation. A rollout that is under way halts first.
    func spreadRevocation(
        of release: ReleaseRecord, in environment: EnvironmentName, by actor: String, reason: String
    ) throws {
        let name = release.submitted.release
        for id in state.rolloutOrder {
            guard let record = state.rollouts[id], record.isActive, let definition = record.plan?.definition,
                definition.release == name, definition.environment == environment
            else { continue }
            // One that backs out or stops already has no need of a halt, and says so by refusing it.
            try? tell(id, .halt(by: actor, reason: "\(name) was revoked: \(reason)"), by: actor)
        }
        try publishChannel(environment: environment, product: name.product)
        let now = time.now()
        for host in state.hostsInOrder where host.environment == environment {
            guard host.running[name.product]?.manifest == release.submitted.manifest,
                let record = state.lastRollout(of: name.product, on: host.id), let plan = record.plan,
                let order = record.hosts[host.id]?.order
            else { continue }
            try transmit(order, of: plan, to: host.id, at: now)
        }
    }
}

extension FleetState {
    /// The newest rollout of the product that sent this host an order.
    func lastRollout(of product: ProductName, on host: HostID) -> RolloutRecord? {
        rolloutOrder.reversed().lazy.compactMap { rollouts[$0] }.first { record in
            record.plan?.definition.release.product == product && record.hosts[host]?.order != nil
        }
    }

    /// Whose view a channel shows: the newest rollout under way (an emergency before others), else the newest that
    /// succeeded with a release not revoked since, else the newest that showed anything: its revocations must be heard.
    func channelRollout(environment: EnvironmentName, product: ProductName) -> RolloutRecord? {
        let records = rolloutOrder.reversed().compactMap { rollouts[$0] }.filter { record in
            record.channelView != nil && record.plan?.definition.environment == environment
                && record.plan?.definition.release.product == product
        }
        let active = records.filter(\.isActive)
        if let emergency = active.first(where: { $0.plan?.urgency.isEmergency == true }) { return emergency }
        if let newest = active.first { return newest }
        let good = records.first { record in
            guard record.end == .succeeded, let release = record.plan?.definition.release else { return false }
            return releases[release]?.revocation(in: environment) == nil
        }
        return good ?? records.first
    }
}
