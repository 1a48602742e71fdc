import Effects
import ReleaseDefinition
import ReleasePackaging

/// Carries out units of type `plugin` by the step protocol of docs/agent.md: a program, called with the step as its one
/// argument, one JSON object on its standard input, JSON lines from it.
struct PluginRunner: Sendable {
    enum Step: String, Sendable {
        case plan, stage, activate, verify
        case backOut = "back-out"
        case remove
    }

    static let protocolNumber: Int64 = 1
    private static let linesMax = 1000
    /// One for each step: a step that is tried again reads what it read before, whatever else is asked meanwhile.
    private static func requestName(_ step: Step) -> String { "request-\(step.rawValue).json" }
    private static let stateName = "state"

    var hooks: HookRunner
    var configuration: AgentConfiguration

    typealias Side = (ManifestUnit, StoredRelease)

    /// Before anything is stopped: what will be done is said, and all that it needs is fetched.
    func prepare(_ unit: ManifestUnit, _ stored: StoredRelease, from old: Side?) async throws {
        let context = HookContext(order: Self.noOrder, from: old?.1.release, to: stored.release)
        try await run(.plan, unit, stored, from: old, context)
        try await run(.stage, unit, stored, from: old, context)
    }

    /// What on the host is not as the release has it, in the plugin's words.
    func differences(_ unit: ManifestUnit, _ stored: StoredRelease) async throws -> [String] {
        let context = HookContext(order: Self.noOrder, from: stored.release, to: stored.release)
        return try await run(.verify, unit, stored, from: nil, context).differences
    }

    /// - Parameter old: the unit of the release that ran before, or that is to run again.
    /// - Throws: `StepError` of class `hook`: what the plugin says of its failure, else how it ended.
    @discardableResult
    func run(
        _ step: Step, _ unit: ManifestUnit, _ stored: StoredRelease, from old: Side?, _ context: HookContext
    ) async throws -> PluginAnswer {
        let originals = try stored.originals(unit)
        let state = try originals.createDirectory(Self.stateName, mode: 0o700)
        try originals.writeDurably(
            Self.requestName(step), request(step, unit, stored, old, state.path, context).canonicalBytes, mode: 0o600)
        let program = try program(unit, stored)
        do {
            let result = try await hooks.run(
                program: program, [step.rawValue], standardInput: originals.path + "/" + Self.requestName(step),
                called: "\(step.rawValue) of the plugin", of: unit, in: stored, context.values(named: step.rawValue))
            return PluginAnswer(result.output, linesMax: Self.linesMax)
        } catch var error as StepError {
            if let said = PluginAnswer(error.output, linesMax: Self.linesMax).error {
                error.error = ReportedError(
                    AgentError(
                        code: "plugin.failed",
                        summary: "The plugin of the unit \(unit.name) failed in \(step.rawValue): \(said.summary)",
                        remedy: said.remedy))
            }
            throw error
        }
    }

    /// Of the release, whose bytes were verified, or of the host, as its administrator says.
    private func program(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> String {
        guard let name = unit.definition.plugin else {
            let tree = try stored.tree(unit)
            guard let status = try tree.status(UnitType.pluginProgram), status.kind == .file, status.mode & 0o100 != 0
            else {
                throw AgentError(
                    code: "plugin.program",
                    summary: "The unit \(unit.name) has no program \(UnitType.pluginProgram) in its source.",
                    remedy: "Add an executable file of that name, or name a plugin of the host.")
            }
            return try stored.treePath(unit) + "/" + UnitType.pluginProgram
        }
        guard let path = configuration.plugins?[name] else {
            throw AgentError(
                code: "plugin.unknown", summary: "This host has no plugin \(name), which the unit \(unit.name) needs.",
                remedy:
                    "Install it, add it to `plugins` in agent.json and start the agent again, or leave the host out.")
        }
        return path
    }

    private func request(
        _ step: Step, _ unit: ManifestUnit, _ stored: StoredRelease, _ old: Side?, _ state: String,
        _ context: HookContext
    ) throws -> JSONValue {
        func side(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> JSONValue {
            .object([
                JSONMember("version", .string(stored.release.name.version.text)),
                JSONMember("manifest", .string(stored.release.manifest.hex)),
                JSONMember("source", .string(try stored.treePath(unit))),
            ])
        }
        return .object([
            JSONMember("protocol", .integer(Self.protocolNumber)), JSONMember("step", .string(step.rawValue)),
            JSONMember("product", .string(stored.release.name.product.text)),
            JSONMember("unit", .string(unit.name.text)), JSONMember("state", .string(state)),
            JSONMember("host", .string(configuration.host.text)),
            JSONMember("environment", .string(configuration.environment.text)),
            JSONMember("new", try side(unit, stored)),
            JSONMember("old", try old.map { try side($0.0, $0.1) } ?? .null),
            JSONMember("values", try stored.values(for: configuration.environment)),
        ])
    }

    private static let noOrder = OrderID(rollout: RolloutID(unchecked: "none"), action: .install)
}

/// What a plugin printed: objects, one in a line; anything else is talk.
struct PluginAnswer: Sendable, Equatable {
    /// `{"difference":"…"}` of `verify`.
    var differences: [String] = []
    /// `{"change":"…"}` of `plan`.
    var changes: [String] = []
    /// The last `{"error":{"summary":"…","remedy":"…"}}`.
    var error: Problem?

    struct Problem: Sendable, Equatable {
        var summary: String
        var remedy: String
    }

    init(_ output: String, linesMax: Int) {
        for line in output.split(separator: "\n").prefix(linesMax) where line.first == "{" {
            guard let value = try? JSONValue(parsing: Array(line.utf8)) else { continue }
            if let text = value["difference"]?.stringValue { differences.append(Self.plain(text)) }
            if let text = value["change"]?.stringValue { changes.append(Self.plain(text)) }
            if let problem = value["error"], let summary = problem["summary"]?.stringValue {
                error = Problem(
                    summary: Self.plain(summary),
                    remedy: Self.plain(problem["remedy"]?.stringValue ?? "See the plugin's output in the evidence."))
            }
        }
    }

    /// One line of a table or a log, whatever it holds.
    private static func plain(_ text: String) -> String {
        String(decoding: text.utf8.prefix(1024).map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }
}
