import AgentProtocol
import ReleaseDefinition

extension Rollout {
    /// Facts about single hosts.
    mutating func applyToHost(_ fact: RolloutFact, at: UTCInstant) {
        switch fact {
        case .hostAdmitted(let id, let action):
            update(id, action) { _ in .admitted(since: at) }
            if action == .backOut { update(id) { $0.wasOrderedBack = true } }
        case .orderSent(let id, let order):
            update(id, order.action) { _ in .ordered(since: at) }
            if order.action == .install, cancelsStarts { update(id) { $0.wantCancel(at: at) } }
        case .cancelSent(let id, _): update(id) { $0.noteCancelSent() }
        case .hostProgressed(let id, let action, let step, let heldUntil):
            progress(id, action, step, at: at, heldUntil: heldUntil)
        case .hostEnded(let ending): end(ending, at: at)
        case .hostUnhealthy(let id, let detail, _):
            update(id) { host in
                host.install = .ended(.failed(.health))
                host.word = HostWord(
                    running: host.running, failedStep: .committed,
                    error: ReportedError(
                        code: "rollout.host.unhealthy",
                        summary: "The host became unhealthy after it had succeeded: \(detail)",
                        remedy: "It is backed out; its log tells why."))
            }
        case .contactChanged(let id, let contact):
            update(id) { host in
                host.contact = contact
                host.contactSince = at
                if contact == .online { host.cancelAgain() }
                // Its order has not gone out: the place goes to the next, the clock goes on.
                guard contact == .offline else { return }
                if case .admitted(let since) = host.install { host.install = .waiting(since: since) }
                if case .admitted(let since) = host.backOut { host.backOut = .waiting(since: since) }
            }
        case .hostReturned(let id, let action):
            update(id) { $0.returns += 1 }
            update(id, action) { _ in .waiting(since: at) }
        case .hostBackOutStarted(let ids, _):
            for id in ids { update(id) { $0.backOut = .waiting(since: at) } }
        default: break
        }
    }

    private mutating func progress(
        _ id: HostID, _ action: OrderAction, _ step: InstallationStep, at: UTCInstant, heldUntil: UTCInstant?
    ) {
        guard let place = hosts.place(of: id) else { return }
        let cancels = cancelsStarts
        hosts.updateInCourse(place, action) { host in
            let isPushed = host.delivery == .push
            switch action {
            case .install:
                let start = host.install.clockStart(isPushed: isPushed, at: at)
                // Semantics 1: the clock of a host that begins by its own starts when it does.
                let held = heldUntil.map { max(start, min($0, at + RolloutClocks.hostHoldMax)) }
                host.install = .working(step, since: held ?? min(start, at))
                if !host.isBeforeStop { host.endCancelling() } else if cancels { host.wantCancel(at: at) }
            case .backOut:
                let start = (host.backOut ?? .waiting(since: nil)).clockStart(isPushed: isPushed, at: at)
                host.backOut = .working(step, since: start)
            }
        }
    }

    private mutating func update(_ host: HostID, _ action: OrderAction, _ change: (OrderState) -> OrderState) {
        update(host) { host in
            switch action {
            case .install: host.install = change(host.install)
            case .backOut: host.backOut = change(host.backOut ?? .waiting(since: nil))
            }
        }
    }

    private mutating func end(_ ending: HostEnding, at: UTCInstant) {
        guard let release = frozen?.value.definition.release else { return }
        let backOut = self.backOut
        var words = self.words
        update(ending.host) { host in
            switch ending.action {
            case .install: host.endInstall(ending, release: release)
            case .backOut: host.endBackOut(ending)
            }
            host.word = words.shared(host.word)
            if ending.wasUnhealthy == true { host.isUncounted = true }
            // Also after the verdict is closed: a host that turns out late to have a release that was backed out is
            // taken back.
            if let backOut, backOut.covers(phase: host.phase), host.canBackOut { host.backOut = .waiting(since: at) }
        }
        self.words = words
    }

    /// A channel is one word to all who follow it: hosts it names have their order with it, hosts it no longer names and
    /// that have said nothing never began.
    mutating func publish(_ view: ChannelView, at: UTCInstant) {
        publishedChannel = view
        let reader = view.reader
        let mayStartLater: Bool
        switch state {
        case .running, .baking, .paused, .halted, .ended(.succeeded, _): mayStartLater = true
        case .planned, .stopping, .backingOut, .ended: mayStartLater = false
        }
        updateAll { host in
            guard host.delivery == .pull else { return }
            let isNamed = reader.names(host.id, bucket: host.bucket)
            switch view.order.action {
            case .install:
                if isNamed {
                    // Also a host that went back into the queue meanwhile: this word was out before that.
                    if host.install.isAdmitted || host.install.isWaiting || host.install == .ended(.cancelled) {
                        host.install = .ordered(since: at)
                        // It hears the channel's number, which a retry of another host may have raised.
                        host.installAttempt = max(host.installAttempt, view.order.attempt)
                    } else if host.install == .ended(.offline) {
                        // Its time was up before this word was out; now it may take the order unseen.
                        host.markUnheard()
                    }
                } else {
                    host.withdrawInstall(mayStartLater: mayStartLater, at: at)
                }
                host.withdrawBackOut(at: at)
            case .backOut:
                host.withdrawInstall(mayStartLater: mayStartLater, at: at)
                guard isNamed else { return host.withdrawBackOut(at: at) }
                if host.backOut != nil, !host.hasBackOutWord {
                    host.backOutAttempt = max(host.backOutAttempt, view.order.attempt)
                }
                if host.backOut?.isAdmitted == true || host.backOut?.isWaiting == true {
                    host.backOut = .ordered(since: at)
                }
            }
        }
    }
}

extension OrderState {
    /// A pushed host's clock runs from its order, one that pulls, or that starts by itself, from its first step.
    fileprivate func clockStart(isPushed: Bool, at: UTCInstant) -> UTCInstant {
        switch self {
        case .working(_, let since): since
        case .ordered(let since) where isPushed: since
        case .waiting, .admitted, .ordered, .ended: at
        }
    }
}

extension HostRecord {
    fileprivate mutating func endInstall(_ ending: HostEnding, release: ReleaseName) {
        endCancelling()
        let wasLost = install == .ended(.failed(.lost))
        if case .ordered = install, ending.source == .engine, ending.outcome != .gone || ending.isPresumed == true {
            markUnheard()
        }
        presence = presence(after: ending, release: release)
        if ending.source == .host { hasInstallWord = true }
        if let attempt = ending.attempt { installAttempt = max(installAttempt, attempt) }
        note(ending)
        // The deadline's verdict stands; the record learns what runs.
        if wasLost, ending.outcome == .succeeded || ending.outcome == .alreadyCurrent { return }
        install = .ended(ending.outcome)
        if ending.outcome == .succeeded { word = HostWord(running: running) }
    }

    fileprivate mutating func endBackOut(_ ending: HostEnding) {
        if ending.source == .host { hasBackOutWord = true }
        note(ending)
        backOut = .ended(ending.outcome)
        if backOutSucceeded == true || ending.outcome == .gone && ending.isPresumed != true { presence = .absent }
    }

    private mutating func note(_ ending: HostEnding) {
        guard ending.source == .host || ending.error != nil || ending.step != nil else { return }
        word = HostWord(
            running: ending.source == .host ? ending.running : running, failedStep: ending.step ?? failedStep,
            error: ending.error ?? error)
    }

    fileprivate mutating func withdrawInstall(mayStartLater: Bool, at: UTCInstant) {
        guard case .ordered = install else { return }
        // It may have fetched the offer before it was withdrawn; then it will say so.
        markUnheard()
        install = mayStartLater ? .waiting(since: at) : .ended(.cancelled)
    }

    fileprivate mutating func withdrawBackOut(at: UTCInstant) {
        guard case .ordered = backOut else { return }
        backOut = .waiting(since: at)
    }
}
