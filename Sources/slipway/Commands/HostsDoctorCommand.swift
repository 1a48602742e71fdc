import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct HostsDoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Is everything well with one host: contact, identity, certificate, what it runs.",
        discussion: """
            Changes nothing, and asks the controller alone. Ends with 0 where nothing is broken (warnings are not), 1 where \
            something is.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The host's id.", completion: .hosts, transform: { try HostID($0) })
    var host: HostID

    func run() async throws {
        let view = try await connection.withClient { try await $0.host(host) }
        let now = SystemTime().now()
        let report = DoctorReport(at: now, findings: HostExamination(host: view, now: now).findings)
        try output.print(DoctorPresentation(report: report))
        if report.hasProblem { throw ProgramExit.failed }
    }
}

/// What the controller knows of a host, judged.
struct HostExamination {
    var host: HostView
    var now: UTCInstant

    /// A certificate lives for weeks and is renewed long before.
    private static let certificateLeftMin = TimeSpan.days(3)

    var findings: [DoctorFinding] { [standing, contact, certificate] + marks + drift + host.products.map(product) }

    private var standing: DoctorFinding {
        let standing = host.standing ?? .active
        guard standing != .active else { return DoctorFinding(.hosts, .good, "it is believed") }
        return DoctorFinding(
            .hosts, .problem, host.notice?.summary ?? "it is \(standing.rawValue)",
            remedy: host.notice?.remedy ?? "See why: slipway hosts show \(host.id)")
    }

    private var contact: DoctorFinding {
        let last = host.lastContactAt.map { "; it was heard last at \($0.wholeSeconds)" } ?? ""
        switch host.contact {
        case .online: return DoctorFinding(.hosts, .good, "it is online\(last)")
        case .offline:
            let isExpected = (host.marks ?? []).contains { $0.mark == .maintenance }
            return DoctorFinding(
                .hosts, isExpected ? .warning : .problem, "it is offline\(last)",
                remedy: "On the host: systemctl status slipway-agent, and its log; see that it reaches the controller.")
        case .never:
            return DoctorFinding(
                .hosts, .problem, "it joined and was never heard of since",
                remedy: "Start its agent: slipway-agent run --dir DIR, or systemctl start slipway-agent.")
        }
    }

    private var marks: [DoctorFinding] {
        (host.marks ?? []).map { mark in
            let (words, command) =
                switch mark.mark {
                case .pinned: ("pinned", "pin")
                case .maintenance: ("in maintenance", "maintenance")
                }
            return DoctorFinding(
                .hosts, .warning,
                "rollouts leave it out: \(words) since \(mark.at.wholeSeconds) by \(mark.by): \(mark.reason)",
                remedy: "When it is over: slipway hosts \(command) \(host.id) --lift --reason REASON")
        }
    }

    private var drift: [DoctorFinding] {
        guard let first = host.drift?.first, let count = host.drift?.count else { return [] }
        return [
            DoctorFinding(
                .hosts, .warning,
                "not as it was installed: \(first)" + (count > 1 ? ", and \(count - 1) more" : ""),
                remedy: "See all of it: slipway hosts drift --hosts id=\(host.id)")
        ]
    }

    private var certificate: DoctorFinding {
        guard let end = host.certificateNotAfter else {
            return DoctorFinding(.certificates, .good, "its certificate's end is not known here")
        }
        let left = end.since(now)
        guard left < Self.certificateLeftMin else {
            return DoctorFinding(.certificates, .good, "its certificate is good until \(end.wholeSeconds)")
        }
        let isOver = end <= now
        return DoctorFinding(
            .certificates, isOver ? .problem : .warning,
            isOver ? "its certificate expired at \(end.wholeSeconds)" : "its certificate ends at \(end.wholeSeconds)",
            remedy: "A running agent renews it by itself: start it, or look at its log.")
    }

    private func product(_ product: HostProductView) -> DoctorFinding {
        let name = product.product
        guard let running = product.running else {
            return DoctorFinding(
                .hosts, .warning, "\(name): it runs none, wanted is \(product.wanted?.text ?? "none")",
                remedy: product.wanted.map { "See what holds it: slipway hosts why \(host.id) \(name)@\($0)" })
        }
        if product.isRevoked == true {
            return DoctorFinding(
                .hosts, .warning, "\(name): \(running) runs and was revoked",
                remedy: "Back it out, or roll out another release: slipway hosts show \(host.id) names the rollout.")
        }
        guard product.isHealthy else {
            return DoctorFinding(
                .hosts, .problem, "\(name): \(running) runs and is not healthy",
                remedy: "On the host: slipway-agent why \(name) --dir DIR shows the failing check and the log.")
        }
        guard let wanted = product.wanted, wanted != running else {
            return DoctorFinding(.hosts, .good, "\(name): \(running) runs and is healthy")
        }
        return DoctorFinding(
            .hosts, .warning, "\(name): \(running) runs, wanted is \(wanted)",
            remedy: "See what holds it: slipway hosts why \(host.id) \(name)@\(wanted)")
    }
}
