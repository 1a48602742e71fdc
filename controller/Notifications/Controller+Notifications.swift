import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseLifecycle

/// From the log to the sinks: at least once, in order for each sink, over restarts.
extension Controller {
    /// Delivers until cancelled; no sink waits for another. `notifications.json` is read again when it changes, so that no
    /// restart is needed.
    nonisolated func keepNotifications() async throws {
        let courier = try Courier(folder: folder, source: configuration.url)
        var deadManAt = UTCInstant(secondsSince1970: 0)
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                do {
                    let settings = try courier.settings()
                    guard await mayDeliver() else {
                        try await time.sleep(for: .seconds(1))
                        continue
                    }
                    try await collectNotices(settings)
                    for delivery in try await dueDeliveries(settings) {
                        group.addTask { try await self.keepDelivering(delivery, settings, courier) }
                    }
                    if let signal = settings.deadMan, time.now() >= deadManAt + signal.every {
                        deadManAt = time.now()
                        group.addTask { await courier.signal(signal) }
                    }
                } catch is CancellationError {
                    throw CancellationError()
                } catch {
                    logger.error("notifications wait", metadata: ["error": "\(ReportedError(error))"])
                }
                try await time.sleep(for: await nextNotificationWait())
            }
        }
    }

    /// This one and what is due for the same sink after it.
    nonisolated private func keepDelivering(
        _ first: Delivery, _ settings: NotificationSettings, _ courier: Courier
    ) async throws {
        var next: Delivery? = first
        do {
            while let delivery = next {
                let outcome = await courier.deliver(delivery.notice, to: delivery.sink, at: time.now())
                next = try await settle(delivery.letter, outcome, settings)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.error("notifications wait", metadata: ["error": "\(ReportedError(error))"])
        }
        await release(first.sink)
    }

    /// Of several controllers the one that leads; what another had delivered by then stands in the store.
    private func mayDeliver() -> Bool {
        if !leads { outbox = nil }
        return leads
    }

    /// New entries of the log become letters.
    private func collectNotices(_ settings: NotificationSettings) throws {
        var outbox = try openOutbox()
        guard outbox.cursor < store.sequence else { return }
        let now = time.now()
        let known = outbox.pending.count
        // Nobody is told: nothing is read.
        if settings.sinks.isEmpty { outbox.cursor = store.sequence }
        var entries = settings.sinks.isEmpty ? [] : try store.entries(after: outbox.cursor, limit: 500)
        while !entries.isEmpty {
            for entry in entries {
                outbox.cursor = entry.sequence
                guard let notice = Notice(entry, state) else { continue }
                for sink in settings.sinks where sink.wants(notice) {
                    outbox.pending.append(
                        NotificationOutbox.Letter(
                            sink: sink.name, sequence: entry.sequence,
                            nextAt: sink.escalateAfter.map { notice.at + $0 } ?? now))
                }
            }
            entries = try store.entries(after: outbox.cursor, limit: 500)
        }
        // Entries that concern nobody concern nobody when they are read again.
        if outbox.pending.count > known || now >= outboxKeptAt + .seconds(30) {
            try keep(outbox)
        } else {
            self.outbox = outbox
        }
    }

    /// The first time nothing is told of what was before.
    private func openOutbox() throws -> NotificationOutbox {
        if let outbox { return outbox }
        if let document = try store.document(NotificationOutbox.documentName) {
            let read = try JSONCoding.decode(NotificationOutbox.self, from: document)
            outbox = read
            return read
        }
        let new = NotificationOutbox(cursor: store.sequence)
        try keep(new)
        return new
    }

    private func keep(_ new: NotificationOutbox) throws {
        let bytes = try JSONCoding.value(of: new).wireBytes
        try commit(StoreChange(documents: [NotificationOutbox.documentName: bytes]), at: time.now())
        outbox = new
        outboxKeptAt = time.now()
    }

    private struct Delivery: Sendable {
        let letter: NotificationOutbox.Letter
        let notice: Notice
        let sink: NotificationSink
    }

    /// What is due now for sinks that nobody delivers to; these are taken.
    private func dueDeliveries(_ settings: NotificationSettings) throws -> [Delivery] {
        let found = try due(settings) { !sinksBeingTold.contains($0.sink) }
        sinksBeingTold.formUnion(found.map(\.sink.name))
        return found
    }

    private func release(_ sink: NotificationSink) { sinksBeingTold.remove(sink.name) }

    private func due(
        _ settings: NotificationSettings, where isMeant: (NotificationOutbox.Letter) -> Bool
    ) throws -> [Delivery] {
        var outbox = try openOutbox()
        let before = outbox
        var found: [Delivery] = []
        for letter in outbox.due(at: time.now()) where isMeant(letter) {
            let entry = try store.entries(after: letter.sequence - 1, limit: 1).first
            guard let sink = settings.sinks.first(where: { $0.name == letter.sink }),
                let notice = entry.flatMap({ Notice($0, state) }), isStillSo(notice, sink)
            else {
                // The sink was taken out of the settings, or what would have been escalated is over.
                outbox.drop(letter)
                continue
            }
            found.append(Delivery(letter: letter, notice: notice, sink: sink))
        }
        if outbox != before { try keep(outbox) }
        return found
    }

    private func isStillSo(_ notice: Notice, _ sink: NotificationSink) -> Bool {
        // Hosts that ran a revoked release have left it meanwhile.
        if sink.kind.isPager, notice.page == nil { return false }
        guard sink.escalateAfter != nil, notice.page == .halted || notice.page == .insufficientReach,
            let rollout = notice.rollout
        else { return true }
        guard case .halted = state.rollouts[rollout]?.rollout.state else { return false }
        return true
    }

    /// - Returns: the next one of the same sink, if it is due.
    private func settle(
        _ letter: NotificationOutbox.Letter, _ outcome: Courier.Outcome, _ settings: NotificationSettings
    ) throws -> Delivery? {
        var outbox = try openOutbox()
        switch outcome {
        case .delivered: outbox.deliver(letter)
        case .failed(let error):
            outbox.fail(letter, error, at: time.now())
            if letter.attempts + 1 >= NotificationOutbox.attemptsMax { warnOfDead(letter, error) }
        case .refused(let error):
            outbox.refuse(letter, error)
            warnOfDead(letter, error)
        }
        try keep(outbox)
        return try due(settings) { $0.sink == letter.sink }.first
    }

    private func warnOfDead(_ letter: NotificationOutbox.Letter, _ error: String) {
        logger.error(
            "a notification is given up",
            metadata: ["sink": "\(letter.sink)", "id": "\(letter.sequence)", "error": "\(error)"])
    }

    /// New entries are looked for four times a second: a look costs nothing where there are none.
    private func nextNotificationWait() -> TimeSpan {
        guard let next = outbox?.nextAt(besides: sinksBeingTold) else { return .milliseconds(250) }
        return min(max(next.since(time.now()), .milliseconds(10)), .milliseconds(250))
    }

    // MARK: for people

    func notificationsView() throws -> NotificationsView {
        let outbox = try openOutbox()
        func view(_ letter: NotificationOutbox.Letter, isDead: Bool) -> NotificationView {
            let notice = (try? store.entries(after: letter.sequence - 1, limit: 1))?.first.flatMap { Notice($0, state) }
            return NotificationView(
                sink: letter.sink, id: String(letter.sequence), type: notice?.type ?? "-", text: notice?.text ?? "-",
                attempts: letter.attempts, nextAt: isDead ? nil : letter.nextAt, lastError: letter.lastError,
                isDead: isDead)
        }
        return NotificationsView(
            delivered: outbox.delivered,
            items: outbox.dead.map { view($0, isDead: true) }
                + outbox.pending.prefix(1000).map { view($0, isDead: false) })
    }

    func replayNotifications(_ request: NotificationReplayRequest) throws -> NotificationsView {
        var outbox = try openOutbox()
        let count = outbox.replay(sink: request.sink, at: time.now())
        guard count > 0 else {
            throw ControllerError.notFound(
                request.sink.map { "dead letter for \($0)" } ?? "dead letter",
                remedy: "slipway notifications list shows what was given up.")
        }
        try keep(outbox)
        return try notificationsView()
    }
}

/// Brings messages where they belong: bounded in time, no redirects.
struct Courier: Sendable {
    enum Outcome: Sendable, Equatable {
        case delivered
        case failed(String)
        /// This very message is not taken, whenever it comes.
        case refused(String)
    }

    /// What an HTTP server says of a message that it will never take.
    private static let refusals: Set = [400, 413, 415, 422]

    private static let timeout = TimeSpan.seconds(15)
    private static let workFolder = "notifications"

    private let folder: ControllerDirectory
    private let source: String
    private let http: any HTTPDoor
    private let processes: any ProcessDoor

    init(folder: ControllerDirectory, source: String) throws {
        self.folder = folder
        self.source = source
        http = try SettledHTTP.live(folder, authority: NotificationSettings.authorityName)
        processes = LiveProcesses()
    }

    /// As the file is now; without one nobody is told.
    func settings() throws -> NotificationSettings {
        guard try folder.directory.status(NotificationSettings.fileName) != nil else { return .none }
        return try folder.json(NotificationSettings.self, NotificationSettings.fileName)
    }

    func deliver(_ notice: Notice, to sink: NotificationSink, at now: UTCInstant) async -> Outcome {
        do {
            let secret = try sink.secretFile.map { try folder.text($0).filter { !$0.isWhitespace } }
            let message = Message.make(
                notice, for: sink, secret: secret, source: source, items: try items(of: notice), at: now)
            if sink.kind == .mail { return try await send(message, sink, notice) }
            guard let url = sink.url else { return .failed("the sink has no url") }
            let response = try await http.send(
                HTTPRequest("POST", url, headers: message.headers, body: message.body, timeout: Self.timeout))
            if (200..<300).contains(response.status) { return .delivered }
            let words = "it answered \(response.status)"
            return Self.refusals.contains(response.status) ? .refused(words) : .failed(words)
        } catch {
            return .failed("\(ReportedError(error))")
        }
    }

    /// A baseline's bytes are canonical JSON.
    private func items(of notice: Notice) throws -> JSONValue? {
        guard let baseline = notice.baseline else { return nil }
        return try JSONValue(
            parsing: folder.evidence().read(baseline.digest.hex, sizeMax: ConfigurationBaseline.bytesMax))
    }

    /// As cron does: the host's sendmail reads the message; who gets it stands in its head.
    private func send(_ message: Message, _ sink: NotificationSink, _ notice: Notice) async throws -> Outcome {
        let program = sink.sendmail ?? "/usr/sbin/sendmail"
        let work = try folder.directory.createDirectory(Self.workFolder, mode: 0o700)
        let name = "\(sink.name.filter { $0.isLetter || $0.isNumber })-\(notice.id).eml"
        try work.writeDurably(name, message.body, mode: 0o600)
        defer { try? work.removeFile(name) }
        let result = try await processes.run(
            ProcessCommand(
                executable: program, arguments: ["-i", "-t"], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
                workingDirectory: "/", timeout: Self.timeout, standardInput: work.path + "/" + name))
        guard result.end == .exited(0) else { return .failed("\(program) ended with \(result.end): \(result.output)") }
        return .delivered
    }

    /// Failures say enough by themselves: whoever listens hears nothing.
    func signal(_ signal: DeadManSignal) async {
        _ = try? await http.send(HTTPRequest("POST", signal.url, body: [], timeout: Self.timeout))
    }
}
