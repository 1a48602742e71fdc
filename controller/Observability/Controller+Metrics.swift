import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition
import ReleaseTrust

extension Controller {
    /// `GET /metrics`. A sample for each state and role, none for a host: a fleet must not become a cardinality.
    func metricsText(_ form: MetricsText.Form = .prometheus) -> String {
        var text = MetricsText(form)
        writeFleet(&text)
        writeMeasures(&text)
        writeRecord(&text)
        writeEnds(&text)
        writeRequests(&text)
        ProcessFigures.write(&text)
        return text.text
    }

    private func writeFleet(_ text: inout MetricsText) {
        text.gauge("slipway_agents_connected", "Agents with an open stream to this controller.", Double(hub.count))
        text.gauge("slipway_watchers_connected", "People's streams to this controller.", Double(watchers.count))
        let standings = Dictionary(grouping: state.hosts.values) { $0.identity.standing.word }.mapValues(\.count)
        text.gauge(
            "slipway_hosts", "Hosts that ever joined, by standing.", by: "standing",
            HostStanding.allCases.map { ($0.rawValue, Double(standings[$0] ?? 0)) })
        let states = Dictionary(grouping: state.rollouts.values) { RolloutNarration.state(of: $0.rollout) }
            .mapValues(\.count)
        text.gauge(
            "slipway_rollouts_active", "Rollouts that have not ended, by state.", by: "state",
            RolloutState.allCases.filter { !$0.isFinal }.map { ($0.rawValue, Double(states[$0] ?? 0)) })
        let owed = state.emergencies.filter { $0.review == nil }.count
        text.gauge("slipway_emergency_reviews_owed", "Emergency releases that nobody has reviewed.", Double(owed))
        text.gauge(
            "slipway_changes_waiting", "Changes to signed metadata that wait for signatures.",
            Double(state.openChanges.count))
    }

    /// The four measures of the last 90 days: of all without a label, and of each product.
    private func writeMeasures(_ text: inout MetricsText) {
        let measures = ((try? self.measures(from: nil, until: nil)) ?? []).prefix(1 + Self.measuredProductsMax)
        func write(_ name: String, _ help: String, _ value: (ReleaseMeasures) -> Double?) {
            text.gauge(
                "slipway_\(name)", help,
                measures.compactMap { one in
                    value(one).map { (labels: one.product.map { [("product", $0.text)] } ?? [], value: $0) }
                })
        }
        write("deployments_per_day", "Releases that went into service, a day, over 90 days; emergencies apart.") {
            Double($0.deploymentsPerThousandDays) / 1000
        }
        write("emergencies", "Emergencies that went into service in 90 days.") { Double($0.emergencies) }
        write("lead_time_seconds", "Median from a release's earliest change to the last host, over 90 days.") {
            $0.leadTimeToLastHost.map { Double($0.milliseconds) / 1000 }
        }
        write("change_failure_ratio", "Rollouts with a back-out or a hot fix in early life, of all, over 90 days.") {
            Double($0.failuresPermille) / 1000
        }
        write(
            "time_to_restore_seconds", "Median from the start of a failing rollout until it was mended, over 90 days."
        ) { $0.timeToRestore.map { Double($0.milliseconds) / 1000 } }
    }

    private static let measuredProductsMax = 200

    private func writeRecord(_ text: inout MetricsText) {
        text.gauge(
            "slipway_log_sequence", "The last entry of the log that this controller knows.", Double(store.sequence))
        text.gauge(
            "slipway_store_up", "Whether the record answered and took what it was given last.", hasRecord() ? 1 : 0)
        text.gauge("slipway_leads", "Whether this controller leads rollouts.", leads ? 1 : 0)
        text.gauge(
            "slipway_log_contradictions", "Hosts that have witnessed another log than this one.",
            Double(witnesses.contradictions.count))
        let counts = metrics.snapshot
        text.counter("slipway_reports_stored_total", "Reports of hosts that were made durable.", Double(counts.reports))
        text.counter("slipway_store_failures_total", "Writes to the record that failed.", Double(counts.appendsFailed))
        text.histogram(
            "slipway_store_append_seconds", "How long a write to the record took until it was durable.",
            [([], counts.appends)])
    }

    private func writeEnds(_ text: inout MetricsText) {
        let roles = ((try? repository.survey()) ?? []).compactMap { standing in
            standing.expiresAt.map { (standing.role, $0.inSeconds) }
        }
        text.gauge(
            "slipway_metadata_expires_timestamp_seconds", "When the signed metadata of a role ends.", by: "role",
            roles.sorted { $0.0 < $1.0 })
        if let pem = try? folder.text(ControllerDirectory.serverCertificateName),
            let facts = try? CertificateFacts(pem: pem)
        {
            text.gauge(
                "slipway_server_certificate_expires_timestamp_seconds", "When the server's certificate ends.",
                facts.notAfter.inSeconds)
        }
        if let free = try? folder.directory.freeSpace() {
            text.gauge("slipway_free_bytes", "Free space under the controller's folder.", Double(free.value))
        }
    }

    private func writeRequests(_ text: inout MetricsText) {
        let counts = metrics.snapshot
        text.counter(
            "slipway_http_requests_total", "Requests answered, by route and status.",
            counts.requests.sorted { $0.key < $1.key }.map { key, count in
                ([("method", key.method), ("route", key.route), ("status", "\(key.status)")], Double(count))
            })
        text.histogram(
            "slipway_http_request_seconds", "How long requests took, without streams.",
            counts.requestSeconds.sorted { $0.key < $1.key }.map { ([("route", $0.key)], $0.value) })
    }
}

extension UTCInstant {
    fileprivate var inSeconds: Double { Double(millisecondsSince1970) / 1000 }
}

/// What Prometheus' own clients say of their process, from proc(5).
private enum ProcessFigures {
    static func write(_ text: inout MetricsText) {
        text.gauge("slipway_build_info", "Which version this is.", by: "version", [(SlipwayVersion.text, 1)])
        guard let line = read("/proc/self/stat") else { return }
        // After the name, which may hold anything; field 3 is the first here.
        let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ").dropFirst().map(
            String.init)
        guard fields.count > 21 else { return }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let (user, system, started) = (Double(fields[11]) ?? 0, Double(fields[12]) ?? 0, Double(fields[19]) ?? 0)
        text.counter("process_cpu_seconds_total", "Processor time of the process.", (user + system) / ticks)
        text.gauge(
            "process_resident_memory_bytes", "Resident memory.",
            (Double(fields[21]) ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE))))
        if let descriptors = try? Directory.open("/proc/self/fd").list() {
            text.gauge("process_open_fds", "Open descriptors.", Double(descriptors.count))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            text.gauge("process_max_fds", "The most descriptors there may be.", Double(limit.rlim_cur))
        }
        guard let boot = bootTime() else { return }
        text.gauge("process_start_time_seconds", "When the process began.", boot + started / ticks)
    }

    private static func bootTime() -> Double? {
        let line = read("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst(6)) }
    }

    /// Files of proc(5) say that they are empty: they are read to their end.
    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < 4 << 20 {
            let count = Glibc.read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
