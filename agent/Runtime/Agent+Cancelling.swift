import AgentProtocol
import ReleaseDefinition
import ReleaseTrust

/// Orders that are not wanted any more (semantics 4): what has stopped nothing yet is given up and cleaned up after, what
/// has goes on to its commit or to its own back-out.
extension Agent {
    /// The controller says so.
    func cancel(_ cancel: OrderCancel) throws {
        defer { ordersWake.call() }
        if let position = queue.firstIndex(where: { $0.order == cancel.order }) {
            return try finish(queue.remove(at: position), .cancelled)
        }
        if host.installation?.task.order == cancel.order || rehearsing?.order == cancel.order {
            return interrupt(.cancelled)
        }
        guard !host.isKnown(cancel.order) else { return }
        // It may come yet, overtaken by this: then it is known, and left alone.
        let unheard = QueuedOrder(
            order: cancel.order, release: cancel.release, manifest: SHA256Digest(of: []), envelope: nil, counter: nil,
            isUrgent: false)
        try finish(unheard, .cancelled)
    }

    /// A channel's word, signed and newer, that does not mean this host any more. One that takes the release back from
    /// some other hosts says nothing about this one.
    func cancel(whatIsNotOfferedBy assignment: Assignment) throws {
        let product = assignment.release.product
        guard assignment.order.action == .install, assignment.counter > host.record(of: product).counter,
            assignment.counter >= newestWaiting(of: product)
        else { return }
        let orders = queue.map(\.order) + [host.installation?.task.order].compactMap(\.self)
        for order in orders where order.rollout == assignment.order.rollout && order.action == .install {
            try cancel(OrderCancel(order: order, release: assignment.release))
        }
    }

    /// What is being installed was revoked.
    func cancel(whatIsRevokedOf product: ProductName) {
        guard let task = host.installation?.task, task.order.action == .install, let to = task.to,
            to.name.product == product, host.record(of: product).revoked.contains(to.manifest)
        else { return }
        interrupt(.cancelled)
    }

    func interrupt(_ outcome: HostOutcome) {
        guard let installation = host.installation, installation.task.order.action == .install else { return }
        let order = installation.task.order
        guard installation.isBeforeStop else {
            return log.info("too late to be given up", metadata: ["order": "\(order)", "for": "\(outcome.words)"])
        }
        interruption = (order, outcome)
        interruptionWake.call()
    }

    func interruption(of installation: Installation) -> HostOutcome? {
        guard installation.isBeforeStop, let interruption, interruption.order == installation.task.order else {
            return nil
        }
        return interruption.outcome
    }
}
