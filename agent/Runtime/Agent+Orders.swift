import AgentProtocol
import ReleaseDefinition
import ReleaseTrust

/// An order that waits for its turn.
struct QueuedOrder: Sendable {
    var order: OrderID
    var release: ReleaseName
    var manifest: SHA256Digest
    var envelope: JSONValue?
    var counter: Int64?
    /// Emergencies, and what a person orders on the host itself, go before everything else.
    var isUrgent: Bool
    /// It is to be installed, backed out, compared and installed.
    var rehearses = false
}

extension Agent {
    /// Takes an assignment as it came, by push or pull; never throws: what cannot be believed is logged and left alone.
    /// - Returns: whether it was understood, so that the same need not be offered again.
    @discardableResult
    func offer(_ envelope: JSONValue) async -> Bool {
        defer { ordersWake.call() }
        do {
            let word = try await source.revocations(envelope)
            try noteRevocations(word)
            let verified: Result<VerifiedAssignment, any Error>
            do { verified = .success(try await source.verify(envelope)) } catch { verified = .failure(error) }
            if case .success(let own) = verified { try take(own.assignment, envelope) }
            try takeBack(word, envelope)
            _ = try verified.get()
            return true
        } catch let error as TrustError where error.code == "trust.assignment.notAddressed" {
            log.debug("an assignment is for other hosts")
            // Its signature was verified, before it was found to be for others.
            do {
                if let assignment = Self.assignment(in: envelope) { try cancel(whatIsNotOfferedBy: assignment) }
            } catch {
                log.error("an order was not given up", metadata: ["error": "\(ReportedError(error))"])
            }
            return true
        } catch let error as TrustError where error.code == "trust.assignment.early" {
            offerLater(envelope)
            return true
        } catch {
            log.error("an assignment was refused", metadata: ["error": "\(ReportedError(error))"])
            return false
        }
    }

    /// A word for later is heard again when its time comes.
    private func offerLater(_ envelope: JSONValue) {
        guard let notBefore = Self.assignment(in: envelope)?.notBefore else { return }
        let time = time
        Task {
            try? await time.sleep(for: max(.milliseconds(1), notBefore.since(time.now())))
            await self.offer(envelope)
        }
    }

    private func take(_ assignment: Assignment, _ envelope: JSONValue) throws {
        let isKnown =
            host.isKnown(assignment.order) || queue.contains { $0.order == assignment.order }
            || rehearsing?.order == assignment.order
        guard !isKnown else { return }
        let queued = QueuedOrder(
            order: assignment.order, release: assignment.release, manifest: assignment.manifest, envelope: envelope,
            counter: assignment.counter, isUrgent: assignment.isEmergency, rehearses: assignment.rehearses == true)
        try enqueue(queued)
    }

    /// A rollout was backed out while this host was out of reach, and its channel says something else to the others by
    /// now: the order to go back is heard all the same. Where the same word brings this host another release, that goes
    /// first, and the way back is owed until the release that is to be left is left.
    private func takeBack(_ word: VerifiedRevocations, _ envelope: JSONValue) throws {
        let record = host.record(of: word.product)
        let newest = max(record.counter, owed[word.product]?.counter ?? 0, newestWaiting(of: word.product))
        guard word.counter >= newest else { return }
        owed[word.product] = nil
        guard let current = record.current,
            let back = word.takenBack.first(where: {
                $0.manifest == current.manifest && $0.hosts.contains(configuration.host)
            }), !host.isKnown(back.order), !queue.contains(where: { $0.order == back.order })
        else { return }
        let order = QueuedOrder(
            order: back.order, release: back.release, manifest: back.manifest, envelope: envelope,
            counter: word.counter, isUrgent: false)
        let brought = Self.assignment(in: envelope)?.order
        if let brought, host.installation?.task.order == brought || queue.contains(where: { $0.order == brought }) {
            owed[word.product] = order
        } else {
            try giveWay(to: order)
            queue.append(order)
            log.info("order received", metadata: ["order": "\(order.order)", "release": "\(order.release)"])
        }
    }

    /// What is owed comes into the queue when nothing else of its product is in it.
    private func collectOwed() throws {
        for (product, order) in owed where !queue.contains(where: { $0.release.product == product }) {
            owed[product] = nil
            if host.record(of: product).current?.manifest == order.manifest {
                log.info("order taken up again", metadata: ["order": "\(order.order)"])
                queue.append(order)
            } else {
                try finish(order, .superseded)
            }
        }
    }

    private func enqueue(_ queued: QueuedOrder) throws {
        let record = host.record(of: queued.release.product)
        let counter = queued.counter ?? 0
        // Replayed or overtaken: either way something newer was taken up already, or waits for its turn.
        guard counter > record.counter, counter >= newestWaiting(of: queued.release.product) else {
            return try finish(queued, .superseded)
        }
        try giveWay(to: queued)
        queue.append(queued)
        log.info("order received", metadata: ["order": "\(queued.order)", "release": "\(queued.release)"])
    }

    /// The highest counter of what waits for its turn; 0: nothing does.
    func newestWaiting(of product: ProductName) -> Int64 {
        queue.filter { $0.release.product == product }.compactMap(\.counter).max() ?? 0
    }

    private func giveWay(to queued: QueuedOrder) throws {
        for older in queue where older.release.product == queued.release.product && older.envelope != nil {
            try finish(older, .superseded)
        }
        queue.removeAll { $0.release.product == queued.release.product && $0.envelope != nil }
        if host.installation?.task.subject?.name.product == queued.release.product { interrupt(.superseded) }
    }

    /// What was revoked is not installed any more, whether this host is addressed or not. What runs goes on: a back-out
    /// is an order, host after host with its brake, and a host that cannot return is not left with nothing.
    private func noteRevocations(_ revocations: VerifiedRevocations) throws {
        let record = host.record(of: revocations.product)
        let isReplaced = record.isReplaced(by: revocations.director)
        let isNewest = revocations.counter >= max(record.counter, record.revocationCounter)
        let isOther = isReplaced || (isNewest && record.director != revocations.director)
        guard isReplaced || revocations.counter >= record.revocationCounter,
            isOther || record.revoked != revocations.manifests
        else { return }
        if isReplaced {
            log.warning("the director's keys were replaced: orders are counted anew")
            owed[revocations.product] = nil
            // What waits came by the old ones; its counter keeps nothing out, and is not remembered.
            for index in queue.indices where queue[index].release.product == revocations.product {
                if queue[index].counter != nil { queue[index].counter = 0 }
            }
        }
        try self.record([
            .revoked(
                product: revocations.product, manifests: revocations.manifests, counter: revocations.counter,
                director: isOther ? revocations.director : nil)
        ])
        cancel(whatIsRevokedOf: revocations.product)
        guard let current = record.current, host.record(of: revocations.product).isRevoked else { return }
        log.warning(
            "the running release was revoked; it goes on until an order takes it back",
            metadata: ["release": "\(current)"])
    }

    /// Of an envelope whose signature was just verified.
    private static func assignment(in envelope: JSONValue) -> Assignment? {
        guard let payload = try? DSSEEnvelope(json: envelope).payload else { return nil }
        return try? JSONCoding.decode(Assignment.self, from: payload)
    }

    /// The next order; those that need no work get their word at once.
    func startNext() throws {
        while host.installation == nil, rehearsing == nil {
            try collectOwed()
            let chosen = queue.indices.filter { !isHeldBack(queue[$0]) }.min { one, other in
                let (left, right) = (queue[one], queue[other])
                if left.isUrgent != right.isUrgent { return left.isUrgent }
                return (left.counter ?? 0) < (right.counter ?? 0)
            }
            guard let chosen else { return }
            try start(queue[chosen])
            queue.remove(at: chosen)
        }
    }

    /// The agent changes nothing about itself while a product waits for a person (semantics 8).
    func isHeldBack(_ queued: QueuedOrder) -> Bool {
        queued.release.product.text == SelfUpdate.product && queued.order.action == .install
            && host.products.values.contains { $0.lockedBy != nil }
    }

    /// Why a release of the agent is not taken up at all; nil: it is.
    private func refusal(ofAgent queued: QueuedOrder) -> String? {
        guard queued.release.product.text == SelfUpdate.product, queued.order.action == .install else { return nil }
        if configuration.selfUpdate?.isOff == true { return "selfUpdate is off in agent.json" }
        let tries = host.finished.count { one in
            guard one.release == queued.release, case .backedOut(.some) = one.outcome else { return false }
            return true
        }
        guard tries >= SelfUpdate.triesMax else { return nil }
        return "this release of the agent failed here \(tries) times; publish another"
    }

    func start(_ queued: QueuedOrder) throws {
        if let refusal = refusal(ofAgent: queued) { return try finish(queued, .skipped(refusal)) }
        let record = host.record(of: queued.release.product)
        let subject = HostRelease(name: queued.release, manifest: queued.manifest)
        if let holder = record.lockedBy {
            // Asked to go back once more: that it cannot is no news, and stays a failure.
            if queued.order.action == .backOut {
                let failed = host.finished.last { $0.order == holder }?.failure
                return try finish(queued, .backOutFailed, failed)
            }
            return try finish(
                queued,
                .skipped(
                    "locked since \(holder) failed to back out; slipway-agent unlock \(queued.release.product) lifts it"
                ))
        }
        let task: InstallationTask
        switch queued.order.action {
        case .install:
            guard record.proved != subject else { return try finish(queued, .alreadyCurrent) }
            if queued.rehearses {
                guard queued.release.product.text != SelfUpdate.product else {
                    return try finish(queued, .skipped("a release of the agent itself is not rehearsed"))
                }
                rehearsing = queued
                return
            }
            // A release that failed here is never returned to (R12), also where it is what a failed way back left.
            let from = record.proved ?? record.lastGood(before: record.current)
            task = InstallationTask(order: queued.order, envelope: queued.envelope, from: from, to: subject)
        case .backOut:
            guard let current = record.current, current.manifest == queued.manifest else {
                return try finish(queued, .alreadyCurrent)
            }
            if let refused = record.revokedWayBack {
                return try finish(queued, .skipped("it could only return to \(refused), which was revoked; it goes on"))
            }
            task = InstallationTask(
                order: queued.order, envelope: queued.envelope, from: current, to: record.lastGood(before: current))
        }
        log.info(
            "order started",
            metadata: [
                "order": "\(task.order)", "from": "\(task.from?.description ?? "nothing")",
                "to": "\(task.to?.description ?? "nothing")",
            ])
        let isLazy = writesLazily && task.order.action == .backOut
        try self.record([.received(task: task, counter: queued.counter)], isLazy: isLazy)
    }

    func finish(_ queued: QueuedOrder, _ outcome: HostOutcome, _ failure: InstallationFailure? = nil) throws {
        log.info("order ended", metadata: ["order": "\(queued.order)", "outcome": "\(outcome.words)"])
        let finished = FinishedOrder(
            order: queued.order, release: queued.release, outcome: outcome, at: time.now(), failure: failure)
        try record([.refused(order: finished, counter: queued.counter)])
    }
}
