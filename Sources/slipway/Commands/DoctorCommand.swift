import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Is everything well: the controller, clocks, certificates, keys, disk, files.",
        discussion: """
            Changes nothing. Ends with 0 where nothing is broken (warnings are not), 1 where something is, 9 where the \
            controller cannot be reached.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let time = SystemTime()
        var report: DoctorReport
        var unreachable = false
        do {
            report = try await connection.withClient { try await $0.doctor() }
            report.findings.insert(
                DoctorFinding(.controller, .good, "the controller answers, and believes your token"), at: 0)
            report.findings.insert(Self.clockFinding(theirs: report.at, ours: time.now()), at: 1)
        } catch let error as ControllerAPIError where error.family == .unreachable {
            unreachable = true
            let words = error.summary + (error.cause.map { " (\($0))" } ?? "")
            report = DoctorReport(
                at: time.now(), findings: [DoctorFinding(.controller, .problem, words, remedy: error.remedy)])
        }
        try output.print(DoctorPresentation(report: report))
        if unreachable { throw ProgramExit.unreachable }
        if report.hasProblem { throw ProgramExit.failed }
    }

    /// Between this machine and the controller's: people sign for times that their own clock says.
    static func clockFinding(theirs: UTCInstant, ours: UTCInstant) -> DoctorFinding {
        let apart = TimeSpan(milliseconds: abs(theirs.since(ours).milliseconds))
        guard apart > .seconds(30) else {
            return DoctorFinding(.clock, .good, "this machine's clock and the controller's agree within 30s")
        }
        return DoctorFinding(
            .clock, apart > .minutes(5) ? .problem : .warning,
            "this machine's clock says \(ours.wholeSeconds), the controller's \(theirs.wholeSeconds): \(apart.words) apart",
            remedy: "Set the one that is wrong.")
    }
}

struct DoctorPresentation: Presentable {
    var report: DoctorReport

    static let columns = ["AT", "PROBLEMS", "WARNINGS"]
    var cells: [String] { [report.at.description, String(count(.problem)), String(count(.warning))] }
    var name: String { report.hasProblem ? "problem" : count(.warning) > 0 ? "warning" : "good" }
    func encode(to encoder: any Encoder) throws { try report.encode(to: encoder) }

    private func count(_ level: DoctorFinding.Level) -> Int { report.findings.count { $0.level == level } }

    var details: String {
        let lines = report.findings.map { finding in
            let sign =
                switch finding.level {
                case .good: "ok      "
                case .warning: "WARNING "
                case .problem: "PROBLEM "
                }
            let cure = finding.remedy.map { "          \($0)\n" } ?? ""
            return "\(sign)  \(finding.check.rawValue): \(finding.summary)\n\(cure)"
        }
        return lines.joined()
            + "\n\(count(.problem).of("problem")), \(count(.warning).of("warning")).\n"
    }
}
