import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// A person changed what a host is called by.
public struct HostLabelled: Sendable, Equatable, Codable {
    public var host: HostID
    public var set: [String: String]
    public var removed: [String]
    public var reason: String?
}

/// What hosts are called by is decided here, and told to them by the director. Who does it must manage hosts everywhere: rights,
/// windows and freezes go by labels, so whoever could change those of some hosts could give himself others.
extension Controller {
    /// - Throws: `controller.request.labels`, `controller.request.notFound`, `controller.conflict.outOfUse`.
    func label(_ request: HostLabelsRequest, by actor: String) throws -> HostLabelsView {
        try check(request)
        var events: [HostLabelled] = []
        var views: [LabelledHostView] = []
        var frozen: Set<RolloutID> = []
        for host in try hosts(meantBy: request) {
            let event = HostLabelled(
                host: host.id, set: request.set.filter { host.givenLabels[$0.key] != $0.value },
                removed: Set(request.remove).filter { host.givenLabels[$0] != nil }.sorted(),
                reason: request.reason?.bounded(4000))
            var changed = host
            changed.relabel(event, at: time.now())
            if !event.isEmpty {
                try checkLabels(changed.givenLabels)
                events.append(event)
                frozen.formUnion(rolloutsThatWouldMean(host, otherwiseAs: changed))
            }
            views.append(
                LabelledHostView(
                    host: host.id, set: event.set, removed: event.removed, labels: changed.givenLabels))
        }
        let isDryRun = request.isDryRun == true
        if !isDryRun, !events.isEmpty {
            try commit(
                StoreChange(events: events.map { NewEvent(actor: actor, event: .hostLabelled($0)) }), at: time.now())
            for event in events { tellLabels(event.host) }
        }
        return HostLabelsView(
            hosts: views, frozenIn: state.rolloutOrder.filter(frozen.contains), isDryRun: isDryRun)
    }

    private func check(_ request: HostLabelsRequest) throws {
        func refuse(_ summary: String, _ remedy: String) -> ControllerError {
            .badRequest("labels", summary, remedy: remedy)
        }
        guard (request.hosts == nil) != (request.query == nil), request.hosts?.isEmpty != true,
            request.hosts?.count ?? 0 <= HostLabelsRequest.hostsMax
        else {
            throw refuse(
                "It is not clear which hosts are meant.",
                "Name 1 to \(HostLabelsRequest.hostsMax) hosts, or say which by a query; not both.")
        }
        guard !request.set.isEmpty || !request.remove.isEmpty else {
            throw refuse("No label is to be set or removed.", "Say which, as zone=b, or zone- to remove it.")
        }
        if let both = request.remove.first(where: { request.set[$0] != nil }) {
            throw refuse("The label \(both.debugDescription) is to be set and removed.", "Say one of the two.")
        }
        for key in request.set.keys.sorted() {
            if let mark = HostMarkKind(rawValue: key) {
                throw refuse(
                    "\(key.debugDescription) is no label that is set, but a mark with a reason.",
                    "slipway hosts \(mark.command) HOST --reason REASON")
            }
        }
        guard request.set[Self.nameLabel] == nil, !request.remove.contains(Self.nameLabel) else {
            throw refuse(
                "\(Self.nameLabel.debugDescription) is what a host was invited as, and stays.",
                "Use another label for it.")
        }
        try checkLabels(request.set)
    }

    private func hosts(meantBy request: HostLabelsRequest) throws -> [HostRecord] {
        if let names = request.hosts {
            return try Set(names).sorted().map { id in
                let host = try knownHost(id)
                guard !host.identity.standing.isGone else {
                    throw ControllerError.conflict(
                        "outOfUse",
                        "The host \(id) is \(host.identity.standing.word.rawValue): its labels stay as they were.",
                        remedy: "Nothing was changed. Leave it out.")
                }
                return host
            }
        }
        let query = request.query ?? .all
        let found = state.hostsInOrder.filter {
            !$0.identity.standing.isGone && query.matches(id: $0.id, labels: $0.labels)
                && (request.environment == nil || $0.environment == request.environment)
        }
        guard !found.isEmpty else {
            throw ControllerError.notFound("host that matches \(query)", remedy: "Look with slipway hosts list.")
        }
        return found
    }

    /// What a rollout means is fixed when it starts.
    private func rolloutsThatWouldMean(_ host: HostRecord, otherwiseAs changed: HostRecord) -> [RolloutID] {
        state.rolloutOrder.filter { id in
            guard let record = state.rollouts[id], record.isActive, let definition = record.plan?.definition,
                definition.environment == host.environment
            else { return false }
            return definition.hosts.matches(id: host.id, labels: host.labels)
                != definition.hosts.matches(id: host.id, labels: changed.labels)
        }
    }

    // MARK: the host

    /// What is said to a host that, by its own last word, goes by other labels; nil: nothing is to be said. One that does not
    /// say by which it goes is older than this.
    func labelsWord(for host: HostID) -> JSONValue? {
        guard let record = state.hosts[host], let known = record.inventory?.labels, known != record.givenLabels else {
            return nil
        }
        let word = LabelWord(
            host: host, environment: record.environment, labels: record.givenLabels, counter: store.sequence)
        do { return try director.labels(word) } catch {
            logger.error("labels were not signed", metadata: ["host": "\(host)", "error": "\(ReportedError(error))"])
            return nil
        }
    }

    /// Down the stream of a host that has one here; one that fetches hears it with its next receipt.
    func tellLabels(_ host: HostID) {
        guard hub.isOnline(host), let word = labelsWord(for: host) else { return }
        hub.send(.labels(word), sequence: store.sequence, to: host)
    }
}

extension HostLabelled {
    var isEmpty: Bool { self.set.isEmpty && removed.isEmpty }
}
