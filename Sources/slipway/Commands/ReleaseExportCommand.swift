import ArgumentParser
import ControllerAPI
import ReleaseDefinition
import ReleasePackaging
import Synchronization

struct ReleaseExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "A package with its proof, for a host that reaches no controller.",
        discussion: """
            Carried there and installed with slipway-agent install. The stated validity stands in for the expiry of the \
            product's role; signatures are needed as ever, and root and targets must not have expired.
            """)

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "For this host alone.", completion: .hosts, transform: { try HostID($0) })
    var host: HostID?

    @Option(help: "For every host of a channel, as staging.web.", transform: { try ChannelName($0) })
    var channel: ChannelName?

    @Option(help: "How long it may be installed, as 90d or 1y.")
    var valid = "1y"

    @Option(help: "The FILE.slip that is written.")
    var output: String

    @OptionGroup var replacing: OutputFileOptions

    @Option(help: "How the result is printed.")
    var format = OutputFormat.table

    func validate() throws {
        guard (host == nil) != (channel == nil) else {
            throw ValidationError("Say for whom: either --host H or --channel C.")
        }
    }

    func run() async throws {
        let span = try Self.span(valid)
        let file = try OutputFile(output, force: replacing.force)
        let progress = format == .table ? ProgressLine("Fetched") : nil
        defer { progress?.clear() }
        let until = try await file.write { file in
            try await connection.withClient { client in
                let done = Atomic<Int64>(0)
                return try await client.export(
                    release, ExportRequest(host: host, channel: channel, valid: span)
                ) { piece, total in
                    try file.write(piece)
                    let (_, sum) = done.add(Int64(piece.count), ordering: .relaxed)
                    progress?.show(BuildProgress(done: ByteCount(sum), total: max(total, ByteCount(sum))))
                }
            }
        }
        progress?.clear()
        Talk.say("\(output) can be installed until \(until ?? "its validity ends"): slipway-agent install \(output)")
        try OutputOptions(output: format).print(
            ExportView(release: release, file: output, host: host, channel: channel, validUntil: until))
    }

    /// `1y` beside the units that every span has.
    static func span(_ text: String) throws -> TimeSpan {
        if text.hasSuffix("y"), let years = Int64(text.dropLast()), (1...1).contains(years) {
            return .days(365 * years)
        }
        return try TimeSpan(text)
    }
}

struct ExportView: Presentable, Decodable {
    var release: ReleaseName
    var file: String
    var host: HostID?
    var channel: ChannelName?
    /// Until when it may be installed; absent where the controller does not say.
    var validUntil: String?

    static let columns = ["RELEASE", "FILE", "FOR", "VALID UNTIL"]
    var cells: [String] {
        [release.description, file, host?.text ?? channel?.text ?? "-", validUntil ?? "-"]
    }
    var name: String { file }
}
