import AgentProtocol
import Effects
import Logging
import ReleaseDefinition

/// Sends what is queued, in order, until it is acknowledged; the queue is on the disk and outlives everything.
struct ReportSender: Sendable {
    var agent: Agent
    var doors: AgentDoors
    var controller: String
    var log: Logger
    var keeper: any StandingKeeper

    /// In which hosts that waited for the same controller come back to it, each at a moment of its own.
    private static let returnSpread = TimeSpan.seconds(2)
    /// As long as steps wait for those that follow: a deployment of many hosts costs the controller a third of the requests, and
    /// nobody who watches notices.
    private static let gathering = TimeSpan.milliseconds(200)

    func run() async {
        var backoff = Backoff(least: .milliseconds(500), most: .seconds(60))
        while !Task.isCancelled {
            let reports = await gathered()
            guard !reports.isEmpty else {
                await agent.reportsWake.wait()
                continue
            }
            let contact = await agent.nextContact()
            do {
                let through = try await send(reports)
                try await agent.acknowledge(through)
                try Self.requireProgress(through, of: reports)
                backoff.reset()
            } catch {
                guard !Task.isCancelled else { return }
                log.warning(
                    "reports wait for the controller",
                    metadata: ["first": "\(reports[0].sequence)", "error": "\(ReportedError(error))"])
                keeper.heard(.doubtful)
                do { try await pause(backoff.next(doors.random), orUntil: contact) } catch { return }
            }
        }
    }

    /// The same would be sent again at once, without end.
    private static func requireProgress(_ through: Int64, of reports: [HostReport]) throws(AgentError) {
        guard let first = reports.first?.sequence, through < first else { return }
        throw AgentError(
            code: "reports.refused",
            summary: "The controller acknowledges reports up to \(through), and was sent those from \(first) on.",
            remedy: "The reports are kept and sent again; see the controller's log.")
    }

    /// What is to be sent now. Steps are gathered for a moment; an outcome, or whatever else somebody waits for, goes at once and
    /// takes them along.
    private func gathered() async -> [HostReport] {
        let outcome = await agent.nextOutcome()
        let reports = await agent.pendingReports()
        guard !reports.isEmpty, reports.count < HostReportBatch.reportsMax, reports.allSatisfy(\.isStep) else {
            return reports
        }
        guard (try? await wait(Self.gathering, orFor: outcome)) != nil else { return reports }
        return await agent.pendingReports()
    }

    /// Until the time is over, or the controller says that it takes reports.
    private func pause(_ span: TimeSpan, orUntil contact: Wake) async throws {
        guard try await wait(span, orFor: contact) else { return }
        try await doors.time.sleep(
            for: TimeSpan(milliseconds: doors.random.fraction(of: Self.returnSpread.milliseconds)))
    }

    /// Whether it was woken before the time was over. The wake is of no use afterwards.
    private func wait(_ span: TimeSpan, orFor wake: Wake) async throws -> Bool {
        let time = doors.time
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await time.sleep(for: span)
                return false
            }
            group.addTask {
                await wake.wait()
                return true
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// Of a pulling host, which has no stream: an empty batch at each check interval says that it is there.
    func keepContact(every interval: TimeSpan) async {
        while !Task.isCancelled {
            do { try await doors.time.sleep(for: doors.random.spread(interval)) } catch { return }
            guard await agent.pendingReports().isEmpty else { continue }
            await sayHello()
        }
    }

    /// An empty batch: the answer says whether this host is taken, and if not, why.
    func sayHello() async {
        do { _ = try await send([]) } catch {
            log.debug("the controller was not reached", metadata: ["error": "\(ReportedError(error))"])
            keeper.heard(.doubtful)
        }
    }

    /// Answers the controller's questions how this host stands.
    func tellFacts() async {
        while !Task.isCancelled {
            await agent.factsWake.wait()
            guard !Task.isCancelled else { return }
            do { _ = try await send([], drifted: await agent.drifted(doors.processes), tellsFacts: true) } catch {
                log.debug("the controller was not told", metadata: ["error": "\(ReportedError(error))"])
            }
        }
    }

    private func send(
        _ reports: [HostReport], drifted: [ProductName]? = nil, tellsFacts: Bool = false
    ) async throws -> Int64 {
        let confirmed = await agent.confirmedSequence
        let body = try HostReportBatch.wire(reports, facts: await agent.facts(drifted: drifted))
        let response = try await doors.http.send(
            HTTPRequest(
                "POST", controller + "/v1/agent/reports", headers: [HTTPField("Content-Type", "application/json")],
                body: body, responseSizeMax: ByteCount(1 << 16)))
        guard response.status == 200 else {
            if let notice = Refusal.notice(response) { keeper.heard(.refused(notice: notice)) }
            throw AgentError(
                code: "reports.refused", summary: "The controller answered \(response.status) to reports.",
                remedy: "The reports are kept and sent again; see the controller's log.",
                cause: String(decoding: response.body.prefix(512), as: UTF8.self))
        }
        let receipt = try JSONCoding.decode(HostReportReceipt.self, from: response.body)
        keeper.heard(.admitted)
        if let sentAt = receipt.sentAt { agent.toldTime.note(sentAt) }
        if let before = receipt.before { try await agent.controllerHeard(through: before, of: confirmed) }
        if let labels = receipt.labels { await agent.offer(labels: labels) }
        if receipt.renew == true { keeper.heard(.renew) }
        // Not where this was the answer, as one that says nothing while something is installed: the next batch asks again.
        if receipt.facts == true, !tellsFacts { agent.factsWake.call() }
        return receipt.acknowledged
    }
}

extension HostReport {
    /// One step of a deployment on its way: more follows.
    fileprivate var isStep: Bool {
        if case .progress = body { true } else { false }
    }
}

extension HostChange {
    var isReport: Bool { if case .report = self { true } else { false } }

    /// Whether it is a report that waits for no other.
    var tellsOutcome: Bool {
        if case .report(let report) = self { !report.isStep } else { false }
    }
}
