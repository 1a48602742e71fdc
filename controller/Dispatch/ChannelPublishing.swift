import AgentProtocol
import ReleaseDefinition
import ReleaseDistribution
import ReleaseRollout
import ReleaseTrust

/// What `director/<channel>.json` says.
extension Controller {
    /// What a channel was made to say last by this process, to tell what must be said anew.
    struct ChannelWord: Equatable {
        var rollout: RolloutID
        var view: ChannelView
        var revoked: [SHA256Digest]
        var takenBack: [TakenBackRelease]?
        var patches: [AssignedPatch]?
    }

    /// The engine's word for a rollout that is under way.
    func publish(_ view: ChannelView, of record: RolloutRecord) throws {
        guard let plan = record.plan else { return }
        let view = heldBack(view, of: record, plan)
        let revoked = state.revoked(for: plan)
        let takenBack = state.takenBack(beside: record)
        let patches = patches.patches(to: plan.manifest)
        let envelope = try director.assignment(
            view, of: plan, counter: store.sequence, revoked: revoked, takenBack: takenBack, patches: patches,
            at: time.now())
        let channel = plan.channel
        try publisher.publish(
            RepositoryPublication(channels: [PublishedChannel(name: channel, envelope: envelope)]))
        channelWords[channel] = ChannelWord(
            rollout: record.id, view: view, revoked: revoked, takenBack: takenBack, patches: patches)
        dueSets.formUnion(channelSets.filter { $0.channels.contains(channel) })
    }

    /// Without the hosts that are not to have it: not believed, marked, frozen.
    private func heldBack(_ view: ChannelView, of record: RolloutRecord, _ plan: RolloutPlan) -> ChannelView {
        frozen(withoutMarked(state.withoutDisbelieved(view, of: plan), of: record, plan), of: record, plan)
    }

    /// Publishes what each channel must say by the log, where it says something else: a rollout that ended gives the
    /// channel back to the one before it.
    func publishChangedChannels() throws {
        guard leads else { return }
        var failure: (any Error)?
        for record in state.channelRollouts {
            guard let plan = record.plan, let shown = record.channelView else { continue }
            let view = heldBack(shown, of: record, plan)
            let word = ChannelWord(
                rollout: record.id, view: view, revoked: state.revoked(for: plan),
                takenBack: state.takenBack(beside: record), patches: patches.patches(to: plan.manifest))
            guard channelWords[plan.channel] != word else { continue }
            // One that cannot be written keeps none of the others from saying what they must.
            do { try publish(view, of: record) } catch { failure = failure ?? error }
        }
        publishDueSets()
        if let failure { throw failure }
    }

    /// All of them, at the start and before the assignments expire.
    func publishAllChannels() throws {
        channelsPublishedAt = time.now()
        channelWords = [:]
        try noteChannelSets()
        try publishChangedChannels()
    }

    // MARK: what a host with several channels asks for first

    /// A host has said which channels it follows.
    func noteChannels(of host: HostID) throws {
        guard let set = state.hosts[host]?.channelSet, !channelSets.contains(set) else { return }
        try noteChannelSets()
        publishDueSets()
    }

    /// Each host has one set at most, so a host that says something else every time makes no more of them.
    private func noteChannelSets() throws {
        let named = (configuration.channelSets ?? []).compactMap { ChannelSet($0) }
        let sets = Set(state.hosts.values.lazy.compactMap(\.channelSet)).union(named)
        guard sets != channelSets else { return }
        dueSets = dueSets.union(sets.subtracting(channelSets)).intersection(sets)
        channelSets = sets
        try publisher.keepOnly(sets)
    }

    /// Only a hint: where it cannot be written, hosts hear of the channels' words later, from the channels.
    private func publishDueSets() {
        do {
            try publisher.publish(dueSets)
            dueSets = []
        } catch {
            logger.error("sets of channels wait", metadata: ["error": "\(error)"])
            retryAt = time.now() + .seconds(5)
        }
    }
}

extension HostRecord {
    /// What it asks for, where it follows several channels. Nobody else's word is needed: the file says what is public.
    fileprivate var channelSet: ChannelSet? {
        guard identity.standing.isActive, delivery == .pull else { return nil }
        return inventory?.channels.flatMap { ChannelSet($0) }
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
        try publishChangedChannels()
        try sendRevocation(of: name, release.submitted.manifest, in: environment)
    }

    /// To the hosts whose streams are here.
    func sendRevocation(of name: ReleaseName, _ manifest: SHA256Digest, in environment: EnvironmentName) throws {
        let now = time.now()
        for host in state.hostsInOrder where host.environment == environment {
            guard host.running[name.product]?.manifest == manifest,
                let record = state.lastRollout(of: name.product, on: host.id), let plan = record.plan,
                let order = record.hosts[host.id]?.order
            else { continue }
            try transmit(order, of: plan, to: host.id, at: now)
        }
    }
}

extension FleetState {
    /// A pulling host that is quarantined, revoked or retired can read the channel like anybody; it is told that it is
    /// not meant.
    func withoutDisbelieved(_ view: ChannelView, of plan: RolloutPlan) -> ChannelView {
        let environment = plan.definition.environment
        let disbelieved = disbelieved.compactMap { hosts[$0] }
            .filter { $0.environment == environment && $0.delivery == .pull }
        guard !disbelieved.isEmpty else { return view }
        var view = view
        view.excluded = Set(view.excluded + disbelieved.map(\.id)).sorted()
        return view
    }

    /// Hosts that a newer rollout of the same channel ordered back and that did not hear it before it ended: by their last
    /// word they run it still. A revocation by hand orders nobody back, so nobody is named for it.
    func takenBack(beside shown: RolloutRecord) -> [TakenBackRelease]? {
        guard let channel = shown.plan?.channel else { return nil }
        var found: [TakenBackRelease] = []
        var isNewer = true
        for id in rolloutOrder.reversed() {
            if id == shown.id { isNewer = false }
            // Of an older one: what it took back after it had been superseded.
            guard id != shown.id, let record = rollouts[id], isNewer || record.rollout.reclaims, !record.isActive,
                let plan = record.plan, plan.channel == channel,
                let view = record.channelView, view.order.action == .backOut, found.count < TakenBackRelease.countMax,
                releases[plan.definition.release]?.revocation(in: plan.definition.environment) != nil
            else { continue }
            let product = plan.definition.release.product
            let left = record.hosts.keys.filter { id in
                hosts[id]?.running[product]?.manifest == plan.manifest && hosts[id]?.delivery == .pull && view.names(id)
            }.sorted()
            guard !left.isEmpty else { continue }
            found.append(
                TakenBackRelease(
                    order: view.order, release: plan.definition.release, manifest: plan.manifest,
                    hosts: Array(left.prefix(TakenBackRelease.hostsMax))))
        }
        return found.isEmpty ? nil : found
    }

    /// The newest rollout of the product that sent this host an order.
    func lastRollout(of product: ProductName, on host: HostID) -> RolloutRecord? {
        rolloutOrder.reversed().lazy.compactMap { rollouts[$0] }.first { record in
            record.plan?.definition.release.product == product && record.hosts[host]?.order != nil
        }
    }

    /// For each channel that ever said something, whose view it shows: the newest rollout under way (an emergency before
    /// others), else the newest that succeeded with a release neither revoked nor removed since, else the newest that showed
    /// anything: its revocations must be heard.
    var channelRollouts: [RolloutRecord] {
        var candidates: [ChannelName: [RolloutRecord]] = [:]
        for id in rolloutOrder.reversed() {
            guard let record = rollouts[id], record.channelView != nil, let plan = record.plan else { continue }
            candidates[plan.channel, default: []].append(record)
        }
        return candidates.values.compactMap { records in
            let active = records.filter(\.speaks)
            return active.first { $0.plan?.urgency.isEmergency == true } ?? active.first ?? records.first(where: isGood)
                ?? records.first
        }
    }

    /// Hosts may be given its release now.
    private func isGood(_ record: RolloutRecord) -> Bool {
        guard record.end == .succeeded, let definition = record.plan?.definition,
            let release = releases[definition.release]
        else { return false }
        return release.revocation(in: definition.environment) == nil && release.packageRemovedAt == nil
    }
}

extension RolloutPlan {
    /// Where pulling hosts of its environment and product look.
    var channel: ChannelName {
        ChannelName(environment: definition.environment, product: definition.release.product)
    }
}
