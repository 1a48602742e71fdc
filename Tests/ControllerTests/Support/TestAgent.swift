import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust
import Synchronization
import Testing

@testable import ControllerLibrary

/// A host that does what it is told, over the real protocol, without installing anything: it keeps what it was sent and
/// answers each order once, as `behaviour` says.
final class TestAgent: Sendable {
    enum Behaviour: Sendable {
        case obeys
        /// Starts, then reports that the release is not healthy and that it went back by itself.
        case fails
        /// Installs, and cannot go back.
        case staysBehind
        /// Takes the order and says nothing more; back-outs are carried out.
        case hangs
        /// The same of every order.
        case stalls
    }

    private struct State {
        var behaviour = Behaviour.obeys
        var sequence: Int64 = 0
        var orders: [Assignment] = []
        var envelopes: [JSONValue] = []
        var answered: Set<OrderID> = []
        var running: InstalledRelease?
        var before: InstalledRelease?
        var facts: HostFacts?
        var cancelled: [OrderID] = []
        var healthQuestions = 0
        var readyWords = 0
        var ailment: String?
        var labels: [LabelWord] = []
    }

    let host: TestHost
    private let state = Mutex(State())

    init(_ host: TestHost, _ behaviour: Behaviour = .obeys) {
        self.host = host
        state.withLock { $0.behaviour = behaviour }
    }

    /// What it answers when it is asked how it stands; nothing, as old agents do, until it is told.
    func stand(_ facts: HostFacts) { state.withLock { $0.facts = facts } }
    /// From the next question on, once.
    func ail(_ detail: String) { state.withLock { $0.ailment = detail } }
    /// How often it was asked for its health.
    var healthQuestions: Int { state.withLock { $0.healthQuestions } }
    /// How often it was told that reports are taken again.
    var readyWords: Int { state.withLock { $0.readyWords } }
    /// What it was told that it is called by.
    var labels: [LabelWord] { state.withLock { $0.labels } }
    func become(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }
    var orders: [Assignment] { state.withLock { $0.orders } }
    var envelopes: [JSONValue] { state.withLock { $0.envelopes } }
    /// What it was told is not wanted any more, and gave up.
    var cancelled: [OrderID] { state.withLock { $0.cancelled } }
    var running: ReleaseName? { installed?.release }
    var installed: InstalledRelease? { state.withLock { $0.running } }

    /// A report of its own, which no order asked for.
    func say(_ body: HostReportBody, _ test: TestController, _ running: TestController.Running) async throws {
        let client = try host.client(test, running)
        let report = state.withLock { state in
            state.sequence += 1
            return HostReport(sequence: state.sequence, at: SystemTime().now(), body: body)
        }
        _ = try await client.post("/v1/agent/reports", HostReportBatch(reports: [report]))
        await client.close()
    }

    /// Holds the stream open and answers, again and again until cancelled.
    func serve(_ test: TestController, _ running: TestController.Running) -> Task<Void, Never> {
        Task {
            guard let client = try? host.client(test, running) else { return }
            while !Task.isCancelled {
                do {
                    let request = HTTPRequest("GET", client.baseURL + "/v1/agent/stream")
                    for try await event in client.http.events(request, silenceMax: .seconds(60)) {
                        if event.name == "facts", let facts = state.withLock({ $0.facts }) {
                            let batch = HostReportBatch(reports: [], facts: facts)
                            _ = try await client.post("/v1/agent/reports", batch)
                        }
                        if event.name == "labels" { try note(labels: event) }
                        if event.name == "ready" { state.withLock { $0.readyWords += 1 } }
                        if event.name == "health" { try await tellHealth(client) }
                        if event.name == "cancel" { try await giveUp(event, client) }
                        guard event.name == "assignment" else { continue }
                        try await take(try JSONValue(parsing: Array(event.data.utf8)), client)
                    }
                } catch { try? await Task.sleep(for: .milliseconds(20)) }
            }
            await client.close()
        }
    }

    private func note(labels event: ServerSentEvent) throws {
        let envelope = try DSSEEnvelope(json: JSONValue(parsing: Array(event.data.utf8)))
        let word = try JSONCoding.decode(LabelWord.self, from: envelope.payload)
        state.withLock { $0.labels.append(word) }
    }

    private func tellHealth(_ client: TestClient) async throws {
        let report = state.withLock { state -> HostReport? in
            state.healthQuestions += 1
            guard let detail = state.ailment, let running = state.running else { return nil }
            state.ailment = nil
            state.sequence += 1
            let ill = InstalledRelease(release: running.release, manifest: running.manifest, isHealthy: false)
            return HostReport(
                sequence: state.sequence, at: SystemTime().now(),
                body: .health(ProductHealth(running: ill, detail: detail)))
        }
        guard let report else { return }
        _ = try await client.post("/v1/agent/reports", HostReportBatch(reports: [report]))
    }

    private func giveUp(_ event: ServerSentEvent, _ client: TestClient) async throws {
        let data = try JSONValue(parsing: Array(event.data.utf8))
        guard case .cancel(let cancel) = AgentOrder(eventName: event.name, data: data) else { return }
        let report = state.withLock { state in
            state.cancelled.append(cancel.order)
            state.sequence += 1
            return HostReport(
                sequence: state.sequence, at: SystemTime().now(),
                body: .outcome(
                    OrderOutcome(
                        order: cancel.order, release: cancel.release, outcome: .cancelled, running: state.running)))
        }
        _ = try await client.post("/v1/agent/reports", HostReportBatch(reports: [report]))
    }

    private func take(_ envelope: JSONValue, _ client: TestClient) async throws {
        let assignment = try JSONCoding.decode(Assignment.self, from: DSSEEnvelope(json: envelope).payload)
        let reports = state.withLock { state -> [HostReport] in
            state.orders.append(assignment)
            state.envelopes.append(envelope)
            return Self.answer(assignment, &state)
        }
        guard !reports.isEmpty else { return }
        // Kept until it is confirmed, as agents do.
        while try await client.post("/v1/agent/reports", HostReportBatch(reports: reports)).status >= 500 {
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private static func answer(_ assignment: Assignment, _ state: inout State) -> [HostReport] {
        guard state.answered.insert(assignment.order).inserted else { return [] }
        func report(_ body: HostReportBody) -> HostReport {
            state.sequence += 1
            return HostReport(sequence: state.sequence, at: SystemTime().now(), body: body)
        }
        func outcome(_ outcome: HostOutcome) -> HostReport {
            report(
                .outcome(
                    OrderOutcome(
                        order: assignment.order, release: assignment.release, outcome: outcome, running: state.running))
            )
        }
        let received = report(
            .progress(OrderProgress(order: assignment.order, release: assignment.release, step: .received)))
        if assignment.order.action == .backOut, state.behaviour == .staysBehind {
            return [received, outcome(.backOutFailed)]
        }
        if assignment.order.action == .backOut, state.behaviour != .stalls {
            state.running = state.before
            return [received, outcome(.backedOut(nil))]
        }
        switch state.behaviour {
        case .obeys where state.running?.manifest == assignment.manifest: return [outcome(.alreadyCurrent)]
        case .obeys, .staysBehind:
            state.before = state.running
            state.running = InstalledRelease(
                release: assignment.release, manifest: assignment.manifest, isHealthy: true)
            return [received, outcome(.succeeded)]
        case .fails: return [received, outcome(.backedOut(.health))]
        case .hangs, .stalls: return [received]
        }
    }
}
