import AgentProtocol
import ArgumentParser
import Effects
import Glibc
import ReleaseDefinition

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

/// What this host is and runs, read from its journal without disturbing a running agent.
struct StatusView: Codable, Sendable {
    struct Product: Codable, Sendable {
        var product: ProductName
        var running: HostRelease?
        /// What a back-out would return to.
        var lastGood: HostRelease?
        var kept: [KeptRelease]
        /// A way back that failed: nothing is installed until a person has looked and unlocked the product.
        var lockedBy: OrderID?
        /// False: locked, or nothing was proved healthy since it was unlocked.
        var isHealthy: Bool
        /// What each unit's link shows at this moment, where that is not `running`.
        var links: String?
        /// Why the way back failed, and what to do next.
        var trouble: String?
        /// The step of the order in progress: what is there now may be neither release.
        var inProgress: String?
        /// What runs was revoked: it goes on, and is not installed anywhere any more.
        var isRevoked: Bool
        /// Of units with two slots: the one that serves.
        var slots: [String: SlotName]?
        /// Releases that go on in the other slot for a while.
        var warm: [String: WarmService]?
    }

    /// What the host is on the wire.
    struct Identity: Codable, Sendable {
        var certificateNotAfter: UTCInstant
        var renewsAt: UTCInstant
        /// Why the controller does not take this host, and what to do.
        var notice: IdentityNotice?
        var noticeAt: UTCInstant?
    }

    var host: HostID
    var environment: EnvironmentName
    var delivery: String
    /// What its hooks and services are told that it is called by.
    var labels: [String: String]
    var products: [Product]
    /// The order in progress.
    var order: OrderID?
    var step: String?
    var reportsWaiting: Int
    /// The end of the controller's log, as this host has witnessed it: SEQUENCE:DIGEST.
    var log: String?
    /// nil on a host that only follows a repository.
    var identity: Identity?
    /// Which release of the agent itself was proved here, and which is on probation; nil: the packaged one runs.
    var program: ProgramRecord?

    static func read(_ folder: AgentFolder) throws -> (StatusView, HostState) {
        let configuration = try AgentConfiguration.read(in: folder.base)
        let state = try HostState.known(in: folder)
        let isUnsettled = state.products.keys.contains { state.unsettled($0) != nil }
        let store =
            try? isUnsettled
            ? ReleaseStore(directory: folder.releases(), root: configuration.root, units: folder.units().path) : nil
        let products = state.products.values.sorted { $0.product < $1.product }.map { record in
            let failed = state.unsettled(record.product)
            return Product(
                product: record.product, running: record.current, lastGood: record.lastGood(before: record.current),
                kept: record.releases, lockedBy: record.lockedBy, isHealthy: record.lockedBy == nil && failed == nil,
                links: store.flatMap { record.disagreement(in: $0) },
                trouble: failed.map { trouble(record, $0) },
                inProgress: state.installation.flatMap {
                    $0.task.subject?.name.product == record.product ? $0.step?.rawValue : nil
                },
                isRevoked: record.isRevoked, slots: record.slots, warm: record.warm)
        }
        let view = StatusView(
            host: configuration.host, environment: configuration.environment,
            delivery: configuration.delivery.rawValue,
            labels: LabelsInForce(in: folder.base, configuration).current, products: products,
            order: state.installation?.task.order,
            step: state.installation?.step?.rawValue, reportsWaiting: state.reports.count,
            log: LogWitness(in: folder.base).log.map { "\($0.sequence):\($0.digest.hex)" },
            identity: identity(folder), program: ProgramRecord.peek(in: folder.base))
        return (view, state)
    }

    private static func trouble(_ record: ProductRecord, _ failed: FinishedOrder) -> String {
        let evidence = failed.failure?.evidence
        let cause =
            (evidence?.backOutError ?? evidence?.error).map { "\($0.code): \($0.summary)" } ?? "no error is known"
        let next =
            record.lockedBy == nil
            ? "It was unlocked; the agent says when its checks pass again."
            : "Next: slipway-agent why \(record.product); when the host is right, stop the agent and "
                + "slipway-agent unlock \(record.product)."
        return "\(failed.order) could not go back (\(cause)) \(next)"
    }

    /// Nothing of it is worth an error here: status is read when things are broken.
    private static func identity(_ folder: AgentFolder) -> Identity? {
        guard let tls = try? folder.tls(), let stored = try? StoredIdentity.read(in: tls),
            let facts = try? stored.facts()
        else { return nil }
        let notice = StoredIdentity.notice(in: tls)
        return Identity(
            certificateNotAfter: facts.notAfter, renewsAt: facts.renewAt.wholeSeconds, notice: notice?.notice,
            noticeAt: notice?.at.wholeSeconds)
    }
}

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what this host runs, could return to, and is doing.")

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let (view, _) = try StatusView.read(AgentFolder.open(dir))
        switch output {
        case .json: try Output.data(JSONCoding.value(of: view).prettyBytes)
        case .table:
            var rows = [["PRODUCT", "RUNNING", "LAST GOOD", "KEPT", "STATE"]]
            for one in view.products {
                rows.append([
                    one.product.text, one.running?.description ?? "nothing", one.lastGood?.description ?? "nothing",
                    "\(one.kept.count)",
                    one.stateWords,
                ])
            }
            try Output.data(Array(Output.table(rows).utf8))
            var words = "host \(view.host), environment \(view.environment), delivery \(view.delivery)"
            words += ", reports waiting \(view.reportsWaiting)"
            if let order = view.order { words += ", in progress \(order): \(view.step ?? "")" }
            try Output.data(Array((words + "\n").utf8))
            if !view.labels.isEmpty {
                let labels = view.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                try Output.data(Array("labels \(labels.joined(separator: " "))\n".utf8))
            }
            for line in view.placeWords { try Output.data(Array((line + "\n").utf8)) }
            if let identity = view.identity { try Output.data(Array(identity.words.utf8)) }
        }
    }
}

extension StatusView {
    /// What runs where, as far as it is more than one place, and which agent.
    var placeWords: [String] {
        var lines: [String] = []
        for one in products {
            if let links = one.links { lines.append("\(one.product) is not what runs by its record: \(links)") }
            if let trouble = one.trouble { lines.append("\(one.product): \(trouble)") }
            for (unit, slot) in (one.slots ?? [:]).sorted(by: { $0.key < $1.key }) {
                let warm = one.warm?[unit].map {
                    ", \($0.release.name.version) kept warm in slot \($0.slot.rawValue) until \($0.until.wholeSeconds)"
                }
                lines.append("\(one.product) \(unit) serves from slot \(slot.rawValue)\(warm ?? "")")
            }
        }
        if let confirmed = program?.confirmed { lines.append("the agent is \(confirmed.release)") }
        if let trial = program?.trial {
            lines.append(
                "\(trial.release.release) \(trial.ended.map { "was tried in vain: " + $0 } ?? "is on probation, start \(trial.starts) of \(ProgramTrial.startsMax)")"
            )
        }
        return lines
    }
}

extension StatusView.Product {
    var stateWords: String {
        if let inProgress { return "in progress: \(inProgress)" }
        if let lockedBy { return "not healthy, locked by \(lockedBy)" }
        if !isHealthy { return "not seen healthy since a way back failed" }
        return isRevoked ? "revoked, goes on" : "ok"
    }
}

extension ProductRecord {
    /// What the links show at this moment, where a way back failed or they show another release than what is known to run.
    fileprivate func disagreement(in store: ReleaseStore) -> String? {
        let others = releases.map(\.release).filter { $0 != current }
        let shown = ShownLinks([current].compactMap(\.self) + others, in: store)
        if let words = shown.words { return words }
        guard shown.release != current else { return nil }
        return shown.release.map { "its links show \($0)" } ?? "nothing of it is there"
    }
}

extension StatusView.Identity {
    var words: String {
        let text = "certificate until \(certificateNotAfter), renewed from \(renewsAt)\n"
        guard let notice else { return text }
        let at = noticeAt.map { " since \($0)" } ?? ""
        return text
            + "the controller does not take this host\(at): \(notice.code): \(notice.summary) \(notice.remedy)\n"
    }
}

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show the orders that this host carried out, and how each ended.")

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let folder = try AgentFolder.open(dir)
        let (_, state) = try StatusView.read(folder)
        switch output {
        case .json: try Output.data(JSONCoding.value(of: state.finished).prettyBytes)
        case .table:
            var rows = [["AT", "ORDER", "RELEASE", "OUTCOME", "ERROR"]]
            for one in state.finished {
                rows.append([
                    one.at.wholeSeconds.description, one.order.description, one.release.description, one.outcome.words,
                    one.failure?.evidence.error.code ?? "",
                ])
            }
            try Output.data(Array(Output.table(rows).utf8))
        }
    }
}

enum Output {
    /// A terminal obeys nothing of it.
    /// - Throws: `agent.output`: a full or closed stdout is an error, not success.
    static func data(_ bytes: [UInt8]) throws(AgentError) {
        let shown = isatty(STDOUT_FILENO) == 1 ? TerminalText.visible(bytes) : bytes
        guard FileHandleOutput.standardOutput(shown) else {
            throw AgentError(
                code: "output", summary: "The result could not be written completely.",
                remedy:
                    "What was asked for is done. Make room where stdout leads; slipway-agent status and history say it again."
            )
        }
    }

    /// What a command did, in words or as a value.
    static func answer(_ value: some Encodable, _ format: OutputFormat, words: String) throws {
        try data(format == .json ? JSONCoding.value(of: value).prettyBytes : Array((words + "\n").utf8))
    }

    /// To a file, replaced in one step; what is there and is none is written to; - is stdout.
    static func write(_ bytes: [UInt8], to path: String) throws {
        if path == "-" { return try data(bytes) }
        let file = try PathOfFile(JoinCommand.absolute(path))
        let folder = try Directory.open(file.folder)
        // /dev/null, /dev/stdout, a pipe: written to, and never replaced by a file.
        if let status = try folder.status(file.name), status.kind != .file {
            guard FileHandleOutput.existing(JoinCommand.absolute(path), bytes) else {
                throw AgentError(
                    code: "output", summary: "\(path) is no file and cannot be written to.",
                    remedy: "Name another file.")
            }
            return
        }
        try folder.writeDurably(file.name, bytes)
    }

    static func table(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column + 1 < row.count { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return line + "\n"
        }.joined()
    }
}
