import ArgumentParser
import Effects
import ReleaseDefinition

/// One unit that runs here and what of it is not as the release put it there.
struct UnitCondition: Codable, Sendable, Equatable {
    var product: ProductName
    var release: HostRelease
    var unit: UnitName
    /// Empty: all is as it was signed.
    var differences: [String]
}

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare what is installed with what was signed: every file's digest, mode and owner, and packages.",
        discussion: "Changes nothing and may run beside the agent. Ends with 1 if something differs.")

    @Argument(help: "The product; all where it is left out.")
    var product: String?

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() async throws {
        let wanted = try product.map { try ProductName($0) }
        let folder = try AgentFolder.open(dir)
        let state = try HostState.known(in: folder)
        let check = try InstalledCheck(
            folder: folder, configuration: AgentConfiguration.read(in: folder.base), processes: LiveProcesses())
        let records = state.products.values.filter { wanted == nil || $0.product == wanted }
            .sorted { $0.product < $1.product }
        guard wanted == nil || records.contains(where: { $0.current != nil }) else {
            throw AgentError(
                code: "notFound", summary: "This host runs nothing of \(product ?? "").",
                remedy: "slipway-agent status says what it runs.")
        }
        var found: [UnitCondition] = []
        // What cannot be compared, for want of what is kept of it, holds nothing else up.
        var troubles: [any Error] = []
        for record in records { found += try await check.conditions(of: record) { troubles.append($0) } }
        switch output {
        case .json: try Output.data(JSONCoding.value(of: found).prettyBytes)
        case .table: try Output.data(Array(Output.table(Self.rows(found)).utf8))
        }
        let changed = found.filter { !$0.differences.isEmpty }
        if changed.isEmpty, troubles.count == 1 { throw troubles[0] }
        guard changed.isEmpty, troubles.isEmpty else {
            let names = changed.map { "\($0.product).\($0.unit)" }
            let more = troubles.count > Self.troublesMax ? [" And \(troubles.count - Self.troublesMax) more."] : []
            throw AgentError(
                code: "verify.changed",
                summary: names.isEmpty
                    ? "\(troubles.count) parts cannot be compared with what was signed."
                    : "\(names.joined(separator: ", ")) is not as it was signed.",
                remedy:
                    "Find out who changed it; slipway-agent back-out PRODUCT or a newer release puts signed files there.",
                cause: troubles.isEmpty
                    ? nil
                    : (troubles.prefix(Self.troublesMax).map { ReportedError($0).summary } + more).joined(
                        separator: " "))
        }
    }

    private static let troublesMax = 10

    private static func rows(_ found: [UnitCondition]) -> [[String]] {
        [["UNIT", "RELEASE", "STATE"]]
            + found.flatMap { one in
                let start = ["\(one.product).\(one.unit)", one.release.description]
                return one.differences.isEmpty ? [start + ["as signed"]] : one.differences.map { start + [$0] }
            }
    }
}

/// What is installed against what was signed. Changes nothing.
struct InstalledCheck: Sendable {
    private let store: ReleaseStore
    private let activation: UnitActivation

    init(folder: AgentFolder, configuration: AgentConfiguration, processes: any ProcessDoor) throws {
        store = ReleaseStore(
            directory: try folder.releases(), root: configuration.root, units: try folder.units().path)
        let hooks = HookRunner(
            processes: processes, time: SystemTime(),
            environment: StepEnvironment(
                configuration: configuration, labels: LabelsInForce(in: folder.base, configuration)),
            workingDirectory: folder.base.path)
        activation = UnitActivation(hooks: hooks, processes: processes, configuration: configuration)
    }

    /// - Parameter failed: is told why a release or a unit cannot be compared, and may go on with the next.
    func conditions(
        of record: ProductRecord, failed: (any Error) throws -> Void = { throw $0 }
    ) async throws -> [UnitCondition] {
        guard let release = record.current else { return [] }
        var found: [UnitCondition] = []
        let stored: StoredRelease
        do { stored = try store.stored(release) } catch {
            try failed(error)
            return found
        }
        for unit in stored.manifest.units {
            do {
                found.append(
                    UnitCondition(
                        product: record.product, release: release, unit: unit.name,
                        differences: try await activation.differences(unit, of: stored)))
            } catch { try failed(error) }
        }
        return found
    }
}
