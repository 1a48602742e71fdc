import ReleaseDefinition

extension Lifecycle {
    /// The newest rollout where the release goes into service.
    var liveRollout: LifecycleRecord.Rollout? { record.rollouts.last { $0.environment == live } }

    /// The stage that follows by itself from the record and the time; nil: it stays.
    func move(at now: UTCInstant) -> LifecycleState? {
        switch state {
        case .unplanned, .planned, .built, .validated, .authorised, .scheduled:
            if let deployment = deployment(at: now) { return deployment }
            return preparation(at: now)
        case .deploying(let id), .earlyLifeSupport(let id, _), .backedOut(let id, _):
            return deploymentOf(id, at: now)
        case .operational:
            if let rollout = liveRollout, rollout.verdict == .backedOut { return end(of: rollout) }
            return record.review.map { .reviewed(at: $0.at) }
        // A release that went back after its review is reviewed again.
        case .reviewed, .closed, .declined, .withdrawn: return nil
        }
    }

    // MARK: Before

    private func preparation(at now: UTCInstant) -> LifecycleState? {
        let should = prepared(at: now)
        return should == state ? nil : should
    }

    /// As far as the gates let it come, one after the other: what has lapsed leads back.
    private func prepared(at now: UTCInstant) -> LifecycleState {
        guard let plan = record.plan else { return .unplanned }
        guard record.package != nil else { return .planned }
        guard validationGates(at: now).allSatisfy(\.isMet) else { return .built }
        guard approvalGates(at: now).allSatisfy(\.isMet) else { return .validated }
        let until = approvalsEndAt(at: now) ?? .endOfTime
        guard let schedule = plan.schedule, now < schedule.until else { return .authorised(until: until) }
        return .scheduled(schedule)
    }

    // MARK: During

    private func deployment(at now: UTCInstant) -> LifecycleState? {
        guard let rollout = liveRollout, rollout.verdict != .abandoned else { return nil }
        return .deploying(rollout.id)
    }

    private func deploymentOf(_ id: RolloutID, at now: UTCInstant) -> LifecycleState? {
        guard let rollout = liveRollout else { return nil }
        // Another has begun: after a back-out, or while the first was still watched.
        if rollout.id != id { return rollout.verdict == .abandoned ? nil : .deploying(rollout.id) }
        switch state {
        case .deploying:
            switch rollout.verdict {
            case nil: return nil
            case .abandoned: return prepared(at: now)
            case .succeeded, .backedOut: return end(of: rollout)
            }
        case .earlyLifeSupport(_, let until):
            if rollout.verdict == .backedOut { return end(of: rollout) }
            // Planned afterwards, as an emergency is: how long it is supported is the plan's word.
            if let endedAt = rollout.endedAt, endedAt + earlyLifeSpan != until { return end(of: rollout) }
            guard until <= now, serviceGates(at: now).allSatisfy(\.isMet) else { return nil }
            return .operational(since: now)
        case .backedOut: return record.review.map { .reviewed(at: $0.at) }
        default: return nil
        }
    }

    private func end(of rollout: LifecycleRecord.Rollout) -> LifecycleState? {
        guard let endedAt = rollout.endedAt else { return nil }
        switch rollout.verdict {
        case .succeeded: return .earlyLifeSupport(rollout.id, until: endedAt + earlyLifeSpan)
        case .backedOut: return .backedOut(rollout.id, at: endedAt)
        case .abandoned, nil: return nil
        }
    }

    /// Semantics 1.
    var earlyLifeSpan: TimeSpan { record.plan?.earlyLife?.span ?? .hours(24) }

    // MARK: After

    /// An emergency is looked back at within three working days, everything else within ten.
    public var reviewDueAt: UTCInstant? {
        let since: UTCInstant
        switch state {
        case .operational(let at), .backedOut(_, let at): since = at
        default: return nil
        }
        let isEmergency = record.plan?.category == .emergency || liveRollout?.isEmergency == true
        return WorkingDays.after(isEmergency ? WorkingDays.emergencyReview : WorkingDays.review, since)
    }
}

extension UTCInstant {
    /// What has no end.
    static let endOfTime = UTCInstant(secondsSince1970: 253_402_300_799)
}

extension Lifecycle {
    /// What the next stage asks for, met or not; empty where nothing follows.
    public func nextGates(at now: UTCInstant) -> [LifecycleGate] {
        switch state {
        case .unplanned: [planGate]
        case .planned: [packageGate]
        case .built: validationGates(at: now)
        case .validated: approvalGates(at: now)
        case .authorised, .scheduled: readiness(at: now).flatMap(\.gates).filter { !$0.isMet }
        case .earlyLifeSupport: serviceGates(at: now)
        case .deploying, .closed, .declined, .withdrawn: []
        case .operational, .backedOut, .reviewed:
            closureGates(ClosureFacts(), at: now).filter {
                ["review", "handOver", "deviations"].contains($0.name) || $0.name.hasPrefix("evidence.handOver")
            }
        }
    }

    public func approvalStage(_ name: String) -> ApprovalStage? { approvalStages.first { $0.stage == name } }
}
