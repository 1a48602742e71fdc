import AgentProtocol
import FoundationEssentials
import NIOCore
import NIOSSL
import ReleaseDefinition

/// One host: a stream that comes back by itself as the agent's does, reports that are kept until they are acknowledged.
///
/// `@unchecked`: everything but what is constant is touched on `loop` alone.
final class LoadHost: @unchecked Sendable {
    /// As the agent has them: `Backoff.stream`, of the report sender, `PushLoop.silenceMax`.
    private static let streamPause = (least: Int64(500), most: Int64(30_000))
    private static let reportPause = (least: Int64(500), most: Int64(60_000))
    private static let silenceMax = TimeAmount.seconds(30)

    private struct Waiting {
        var sequence: Int64
        var text: String
        var since: NIODeadline
    }

    let identity: LoadIdentity
    private let number: Int
    private let loop: any EventLoop
    private let tally: LoadTally
    private let port: Int
    private let context: NIOSSLContext
    private let session: String
    private let exchange: LoadExchange
    private var stream: (any Channel)?
    private var isConnected = false
    private var ceiling = streamPause.least
    private var reportCeiling = reportPause.least
    private var lastByte = NIODeadline.now()
    private var line = ""
    private var eventName = ""
    private var reports: [Waiting] = []
    private var isSending = false
    private var sequence: Int64
    private var answered: Set<String> = []
    private var chatter: RepeatedTask?

    init(_ identity: LoadIdentity, number: Int, port: Int, tally: LoadTally, on loop: any EventLoop) throws {
        (self.identity, self.number, self.loop, self.tally, self.port) = (identity, number, loop, tally, port)
        context = try identity.context()
        session = "Slipway-Session: load/boot/\(UInt64.random(in: 0 ... .max))\r\n"
        exchange = LoadExchange(context, port: port, number: number, on: loop)
        // Above what an earlier run of the same host has sent.
        sequence = Int64(Date().timeIntervalSince1970 * 1000)
    }

    // MARK: the stream

    func start(after delay: TimeAmount) { loop.scheduleTask(in: delay) { self.connect() } }

    private func connect() {
        tally.change { $0.attempts += 1 }
        LoadConnection.open(context, port: port, number: number, on: loop) { self.receive($0) }
            .whenComplete { result in
                guard case .success(let channel) = result else { return self.comeBack() }
                self.stream = channel
                self.lastByte = .now()
                let request = LoadExchange.request("GET", "/v1/agent/stream", headers: self.session)
                channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
                self.watch(channel)
            }
    }

    private func watch(_ channel: any Channel) {
        loop.scheduleTask(in: .seconds(10)) {
            guard channel.isActive else { return }
            if .now() - self.lastByte > Self.silenceMax {
                self.tally.change { $0.silences += 1 }
                channel.close(promise: nil)
            } else {
                self.watch(channel)
            }
        }
    }

    private func comeBack() {
        loop.scheduleTask(in: .milliseconds(.random(in: 0...ceiling))) { self.connect() }
        ceiling = min(ceiling * 2, Self.streamPause.most)
    }

    private func receive(_ event: LoadEvent) {
        lastByte = .now()
        switch event {
        case .head(let status, _):
            guard status == 200 else {
                tally.change { $0.refused += 1 }
                stream?.close(promise: nil)
                return
            }
        case .body(let part): read(part)
        case .end: stream?.close(promise: nil)
        case .closed:
            stream = nil
            if isConnected { tally.change { $0.connected -= 1 } }
            isConnected = false
            comeBack()
        }
    }

    private func read(_ part: ByteBuffer) {
        if !isConnected {
            (isConnected, ceiling) = (true, Self.streamPause.least)
            tally.change { $0.noteConnected() }
        }
        line += String(buffer: part)
        while let end = line.utf8.firstIndex(of: 0x0A) {
            let text = line[..<end]
            if text.hasPrefix("event: ") { eventName = String(text.dropFirst(7)) }
            if text.hasPrefix(":") { tally.change { $0.heartbeats += 1 } }
            if text.hasPrefix("data: "), eventName == "assignment" { assigned(Array(text.dropFirst(6).utf8)) }
            line = String(line[line.utf8.index(after: end)...])
        }
    }

    // MARK: orders

    private func assigned(_ data: [UInt8]) {
        let now = Date().timeIntervalSince1970
        guard let envelope = try? JSONValue(parsing: data), let text = envelope["payload"]?.stringValue,
            let payload = Data(base64Encoded: text), let word = try? JSONValue(parsing: payload),
            let id = word["order"], let order = try? JSONCoding.decode(OrderID.self, from: id),
            let name = word["release"], let release = try? JSONCoding.decode(ReleaseName.self, from: name),
            let digest = word["manifest"], let manifest = try? JSONCoding.decode(SHA256Digest.self, from: digest)
        else { return tally.change { $0.unreadable += 1 } }
        let isNew = answered.insert(order.description).inserted
        let work = tally.change { tally in
            if isNew { tally.arrivals.append((release.description, now)) } else { tally.repeated += 1 }
            return tally.work
        }
        guard isNew else { return }
        report(.progress(OrderProgress(order: order, release: release, step: .received)))
        let running = InstalledRelease(release: release, manifest: manifest, isHealthy: true)
        loop.scheduleTask(in: .milliseconds(work / 2 + .random(in: 0...max(1, work)))) {
            self.report(.progress(OrderProgress(order: order, release: release, step: .checking)))
            self.report(
                .outcome(
                    OrderOutcome(
                        order: order, release: release,
                        outcome: order.action == .install ? .succeeded : .backedOut(nil), running: running)))
        }
    }

    // MARK: reports

    func sayInventory(after delay: TimeAmount) {
        loop.scheduleTask(in: delay) {
            self.report(
                .inventory(
                    HostInventory(agentVersion: "load", machineID: self.identity.host, delivery: .push, installed: [])))
        }
    }

    /// Says something each `period`, from a random moment within the first on; nil: no more.
    func chat(each period: TimeAmount?) {
        loop.execute { [self] in
            chatter?.cancel()
            chatter = nil
            guard let period else { return }
            let delay = TimeAmount.nanoseconds(.random(in: 0...period.nanoseconds))
            chatter = loop.scheduleRepeatedTask(initialDelay: delay, delay: period) { _ in self.reportHealth() }
        }
    }

    /// An empty batch: what a host that is asked for nothing says now and then.
    func checkIn(each period: TimeAmount) {
        loop.execute { [self] in
            let delay = TimeAmount.nanoseconds(.random(in: 0...period.nanoseconds))
            chatter = loop.scheduleRepeatedTask(initialDelay: delay, delay: period) { _ in
                if self.reports.isEmpty { self.send() }
            }
        }
    }

    private func reportHealth() {
        guard let release = try? ReleaseName("load@1.0") else { return }
        let running = InstalledRelease(release: release, manifest: SHA256Digest(of: []), isHealthy: true)
        report(.health(ProductHealth(running: running, detail: "It answers.")))
    }

    private func report(_ body: HostReportBody) {
        sequence += 1
        let now = UTCInstant(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))
        let report = HostReport(sequence: sequence, at: now, body: body)
        guard let value = try? JSONCoding.value(of: report) else { return }
        let text = String(decoding: value.wireBytes, as: UTF8.self)
        reports.append(Waiting(sequence: sequence, text: text, since: .now()))
        tally.change { $0.made += 1 }
        if !isSending { send() }
    }

    private func send() {
        isSending = true
        let batch = reports.prefix(HostReportBatch.reportsMax)
        let body = "{\"reports\":[\(batch.map(\.text).joined(separator: ","))]}"
        let last = batch.last?.sequence
        exchange.send(LoadExchange.request("POST", "/v1/agent/reports", headers: session, body: body))
            .whenComplete { result in
                guard case .success(let answer) = result, answer.status == 200 else {
                    self.tally.change { $0.notTaken += 1 }
                    self.loop.scheduleTask(in: .milliseconds(.random(in: 0...self.reportCeiling))) { self.send() }
                    self.reportCeiling = min(self.reportCeiling * 2, Self.reportPause.most)
                    return
                }
                self.reportCeiling = Self.reportPause.least
                self.acknowledge(last, answer)
            }
    }

    private func acknowledge(_ last: Int64?, _ answer: LoadAnswer) {
        let now = NIODeadline.now()
        if let last {
            let receipt = try? JSONCoding.decode(HostReportReceipt.self, from: answer.body)
            let done = reports.prefix { $0.sequence <= last && $0.sequence <= receipt?.acknowledged ?? 0 }
            tally.change { tally in
                tally.acknowledged += done.count
                tally.acknowledgedByHost[identity.host, default: 0] += done.count
                tally.latencies += done.map { Double((now - $0.since).nanoseconds) / 1e6 }
            }
            reports.removeFirst(done.count)
        }
        if reports.isEmpty { isSending = false } else { send() }
    }
}
