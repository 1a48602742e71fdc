import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "What the log says: measures and reviews.",
        subcommands: [ReportMeasuresCommand.self, ReportReviewCommand.self])
}

struct ReportMeasuresCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measures",
        abstract: "Deployment frequency, lead time, change failure rate, time to restore; of all, and of each product.",
        discussion: "Where releases go into service; the last 90 days unless given. Rehearsals do not count.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "From when on, as 2026-11-20T09:12:00Z.", transform: { try UTCInstant($0) })
    var from: UTCInstant?

    @Option(help: "Until when; now, if left out.", transform: { try UTCInstant($0) })
    var until: UTCInstant?

    func run() async throws {
        let measures = try await connection.withClient { try await $0.measures(from: from, until: until) }
        try output.print(measures.map(MeasuresPresentation.init))
    }
}

struct MeasuresPresentation: Presentable {
    var measures: ReleaseMeasures

    static let columns = [
        "PRODUCT", "DEPLOYMENTS", "PER DAY", "EMERGENCIES", "LEAD TIME", "TO LAST HOST", "FAILURE RATE", "RESTORE",
    ]
    var cells: [String] {
        let perDay = measures.deploymentsPerThousandDays
        return [
            name, String(measures.deployments), "\(perDay / 1000).\(Self.thousandths(perDay))",
            String(measures.emergencies), measures.leadTimeToFirstHost?.words ?? "-",
            measures.leadTimeToLastHost?.words ?? "-",
            "\(measures.failuresPermille / 10).\(measures.failuresPermille % 10) % (\(measures.failures) of \(measures.rollouts))",
            measures.timeToRestore?.words ?? "-",
        ]
    }
    var name: String { measures.product?.text ?? "all" }
    func encode(to encoder: any Encoder) throws { try measures.encode(to: encoder) }

    private static func thousandths(_ value: Int) -> String {
        let text = String(value % 1000)
        return String(repeating: "0", count: 3 - text.count) + text
    }
}

struct ReportReviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "review", abstract: "The post-implementation review of a release, filled from what happened.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let view = try await connection.withClient { try await $0.reviewFields(release) }
        try output.print(ReviewPresentation(review: view))
    }
}

struct ReviewPresentation: Presentable {
    var review: ReleaseReviewView

    static let columns = ["RELEASE", "STAGE", "FILLED", "CONCLUSION"]
    var cells: [String] {
        [
            name, review.stage.rawValue, "\(review.filled) of \(review.fields.count)",
            review.conclusion?.conclusion ?? "-",
        ]
    }
    var name: String { review.release.description }
    func encode(to encoder: any Encoder) throws { try review.encode(to: encoder) }

    var details: String {
        let fields = TextTable(
            ["FIELD", "PLANNED", "ACTUAL", "KEPT", "SOURCE"],
            review.fields.map {
                [
                    $0.name, $0.planned ?? "-", $0.actual ?? "(to be said)",
                    $0.isKept.map { $0 ? "yes" : "NO" } ?? "-", $0.source,
                ]
            })
        return TextTable(pairs: zip(Self.columns, cells).map { ($0.lowercased(), $1) }).text + "\n" + fields.text
    }
}
