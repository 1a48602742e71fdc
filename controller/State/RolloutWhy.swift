import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// Why: what holds a host, and when it tries next.
extension Controller {
    private static let hostsMax = 1000

    /// - Parameter host: nil: every host that is not done.
    func why(_ id: RolloutID, host: HostID?) throws -> RolloutWhyView {
        guard let record = state.rollouts[id], let plan = record.plan else {
            throw ControllerError.notFound("rollout \(id)", remedy: "List them with slipway rollout list.")
        }
        if let host { try requireHosts([host], in: id) }
        let holds = record.rollout.holds.map { hold($0, of: record) } + channelHold(record)
        let held = record.rollout.heldHosts(only: host, max: Self.hostsMax).map {
            HostHold(host: $0.host, phase: $0.phase, state: $0.state, hold: RolloutHold($0.hold))
        }
        let moments = holds.compactMap(\.until) + held.compactMap(\.hold.until)
        return RolloutWhyView(
            release: plan.definition.release, rollout: id,
            reasons: holds + failed(record, only: host) + stillRunning(record),
            hosts: held,
            nextAttemptAt: host == nil && !record.waitsForPerson ? record.rollout.nextDeadlineAt : moments.min())
    }

    /// What stands between a release and a host.
    func why(_ host: HostID, release name: ReleaseName) throws -> RolloutWhyView {
        guard let known = state.hosts[host] else {
            throw ControllerError.notFound("host \(host)", remedy: "List them with slipway hosts list.")
        }
        let record = try release(name)
        let newest = state.rolloutOrder.reversed().first { id in
            state.rollouts[id].map { $0.contains(host) && $0.plan?.definition.release == name } ?? false
        }
        let empty = RolloutWhyView(release: name, rollout: newest, reasons: [], hosts: [], nextAttemptAt: nil)
        if let running = known.running[name.product], running.release == name {
            var view = empty
            view.reasons = [
                RolloutHold(
                    "running", "It runs \(name)\(running.isHealthy ? " and is healthy." : ", and is not healthy.")")
            ]
            view.reasons += holds(record, on: known).filter { ["revoked", "locked"].contains($0.what) }
            // It may be on its way back.
            if let newest { view.hosts = try why(newest, host: host).hosts }
            return view
        }
        guard let newest else {
            var view = empty
            view.reasons = holds(record, on: known)
            view.reasons.append(
                RolloutHold(
                    "noRollout", "No rollout of \(name) has \(host) among its hosts.",
                    remedy: "slipway rollout start FILE"))
            return view
        }
        var view = try why(newest, host: host)
        view.reasons = holds(record, on: known) + ended(host, in: newest) + view.reasons
        return view
    }

    /// How it ended there, where nothing of the rollout holds it any more.
    private func ended(_ host: HostID, in id: RolloutID) -> [RolloutHold] {
        guard let rollout = state.rollouts[id]?.rollout, rollout.hold(of: host) == nil, rollout.followedBy == nil,
            let words = rollout.view?.hosts.first(where: { $0.id == host })
        else { return [] }
        return [RolloutHold("outcome", "In rollout \(id): \(words.reason)")]
    }

    private func channelHold(_ record: RolloutRecord) -> [RolloutHold] {
        state.channelHeldWords(record).map {
            [RolloutHold("channel", $0, remedy: "slipway rollout resume \(record.id) --reason REASON")]
        } ?? []
    }

    private func stillRunning(_ record: RolloutRecord) -> [RolloutHold] {
        guard !record.isActive, let release = record.plan?.definition.release else { return [] }
        let left = state.stillRunning(record)
        guard !left.isEmpty else { return [] }
        let named = left.prefix(10).map(\.text).joined(separator: ", ")
        return [
            RolloutHold(
                "stillRunning",
                "\(left.count.of("host")) may run \(release) still, which is revoked: \(named)"
                    + (left.count > 10 ? ", …" : "."), remedy: "slipway doctor")
        ]
    }

    /// Whose failure it is about: people decide on these first. Also where the rollout goes on, or has ended well: one that
    /// came late counts for no limit, and is forgotten otherwise.
    private func failed(_ record: RolloutRecord, only host: HostID?) -> [RolloutHold] {
        let rollout = record.rollout
        switch rollout.state {
        case .running, .baking, .paused, .halted, .ended(.succeeded, _): break
        case .planned, .stopping, .backingOut, .ended: return []
        }
        guard !rollout.isBackingOut, rollout.followedBy == nil else { return [] }
        let words = rollout.view?.hosts.filter { $0.failure != nil && (host == nil || $0.id == host) } ?? []
        return words.prefix(5).map { host in
            if let known = state.hosts[host.id], let product = record.plan?.definition.release.product,
                var locked = locked(known, product)
            {
                locked.text = "\(host.id): \(locked.text)"
                return locked
            }
            return RolloutHold(
                "failed", "\(host.id): \(host.reason)" + failure(of: host, in: record),
                remedy:
                    "slipway rollout retry \(record.id) \(host.id) --reason REASON gives it its order once more"
                    + (record.waitsForPerson ? ", when the rollout is resumed" : ""))
        }
    }

    /// ` At checking: ERROR. The last of its log: LINE`
    private func failure(of host: ReleaseRollout.HostView, in record: RolloutRecord) -> String {
        let order = record.hosts[host.id]?.order
        let evidence = order.flatMap { state.hosts[host.id]?.outcomes[$0]?.evidence }
        guard let error = evidence?.error ?? host.error else { return "" }
        let step = (evidence?.step ?? host.step).map { " At \($0.rawValue):" } ?? ""
        let line = evidence?.logTail.split(whereSeparator: \.isNewline).last { !$0.allSatisfy(\.isWhitespace) }
        let stop = error.summary.last.map { ".!?…".contains($0) } == true ? "" : "."
        return "\(step) \(error.summary)\(stop)" + (line.map { " The last of its log: \($0.prefix(200))" } ?? "")
    }

    private func locked(_ host: HostRecord, _ product: ProductName) -> RolloutHold? {
        guard let locked = host.locked[product] else { return nil }
        let error = locked.evidence.map { $0.backOutError ?? $0.error }
        return RolloutHold(
            "locked",
            "\(locked.order) could not go back, and it was not seen healthy since"
                + (error.map { " (\($0.code): \($0.summary))" } ?? "") + ". Locked, it takes no order.",
            remedy:
                "On \(host.id): slipway-agent why \(product); when it is right, stop the agent, "
                + "slipway-agent unlock \(product), start it again")
    }

    private func holds(_ record: ReleaseRecord, on host: HostRecord) -> [RolloutHold] {
        var holds: [RolloutHold] = []
        let (environment, name) = (host.environment, record.submitted.release)
        if let locked = locked(host, name.product) { holds.append(locked) }
        if let revocation = record.revocation(in: environment) {
            holds.append(
                RolloutHold("revoked", "It was revoked for \(environment) by \(revocation.by): \(revocation.reason)"))
        }
        if !record.isApproved(in: environment) {
            holds.append(
                RolloutHold(
                    "approval", "It is not approved for \(environment).",
                    remedy: "slipway release promote \(name) --to \(environment)"))
        }
        for freeze in state.standingFreezes
        where freeze.concerns(name.product, in: environment) && freeze.concerns(host.id, labels: host.labels) {
            holds.append(
                RolloutHold(
                    "freeze", "\(freeze.refusal)", remedy: "slipway freeze lift \(freeze.declared.id) --reason REASON"))
        }
        holds += host.markViews.map { mark in
            RolloutHold(
                mark.mark.rawValue, "The host is \(mark.words)",
                remedy: "slipway hosts \(mark.mark.command) \(host.id) --lift --reason REASON")
        }
        if !host.identity.standing.isActive {
            holds.append(
                RolloutHold(
                    "standing", "The host is \(host.identity.standing.word.rawValue).",
                    remedy: "slipway hosts show \(host.id)"))
        }
        return holds
    }

    /// With what a person can do about it.
    private func hold(_ hold: Hold, of record: RolloutRecord) -> RolloutHold {
        var words = RolloutHold(hold)
        let resume = "slipway rollout resume \(record.id) --reason REASON"
        switch hold.what {
        case .promotion: words.remedy = "slipway rollout promote \(record.id)"
        case .paused where record.isHeldByGate, .halted where record.isHeldByGate:
            words.remedy = "\(resume) asks it again; slipway rollout promote \(record.id) goes on whatever it says"
        case .paused: words.remedy = resume
        case .halted:
            let backOut = "slipway rollout back-out \(record.id) --reason REASON"
            let isHeldBackOut = record.rollout.holds.contains { $0.what == .backOut }
            words.remedy =
                isHeldBackOut
                ? resume : "\(resume), or \(backOut), or slipway rollout abort \(record.id) --reason REASON"
            words.text += freezeWords(of: record)
        default: break
        }
        return words
    }

    /// What a freeze halted stays halted when it is over.
    private func freezeWords(of record: RolloutRecord) -> String {
        guard case .halted(let held) = record.rollout.state, held.reason.code == .operatorFroze,
            let freeze = state.freezes.last(where: { $0.declared.rollouts.contains(record.id) })
        else { return "" }
        guard let lift = freeze.lift else {
            return " The freeze stands: slipway freeze lift \(freeze.declared.id) --reason REASON comes first."
        }
        return " The freeze was lifted at \(lift.at) by \(lift.by)."
    }
}

extension RolloutRecord {
    /// A gate of a phase that is done did not let it pass.
    fileprivate var isHeldByGate: Bool {
        switch rollout.state {
        case .paused(let held), .halted(let held): [.gateFailed, .gateUndecided].contains(held.reason.code)
        case .planned, .running, .baking, .stopping, .backingOut, .ended: false
        }
    }

    /// Nothing moves by itself but hosts that are in flight.
    fileprivate var waitsForPerson: Bool {
        switch rollout.state {
        case .paused, .halted: true
        case .planned, .running, .baking, .stopping, .backingOut, .ended: false
        }
    }
}

extension RolloutHold {
    fileprivate init(_ hold: Hold) { self.init(hold.what.rawValue, hold.text, until: hold.until) }
}
