import ArgumentParser
import Effects
import Glibc
import Logging
import ReleaseDefinition

/// A line of JSON for each event of the log, for machines that read logs: `time`, `level`, `message`, `source`, then the
/// metadata under `context`.
struct JSONLogHandler: LogHandler {
    let label: String
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    /// Takes whole lines.
    let write: @Sendable (String) -> Void

    init(label: String, write: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var members = [
            JSONMember("time", .string(SystemTime().now().description)),
            JSONMember("level", .string(event.level.rawValue)), JSONMember("message", .string("\(event.message)")),
            JSONMember("source", .string(label)),
        ]
        let context = metadata.merging(event.metadata ?? [:]) { _, new in new }
        if !context.isEmpty {
            let sorted = context.sorted { $0.key < $1.key }
            members.append(
                JSONMember("context", .object(sorted.map { JSONMember($0.key, .string("\($0.value)")) })))
        }
        write(String(decoding: JSONValue.object(members).wireBytes, as: UTF8.self))
    }
}

/// How the daemon writes its log: `--log-format`.
enum LogFormat: String, CaseIterable, Sendable, ExpressibleByArgument {
    case text, json

    func logger() -> Logger {
        switch self {
        case .text: Logger(label: "slipway-controller")
        case .json:
            Logger(label: "slipway-controller") { label in
                JSONLogHandler(label: label) { ControllerCommand.say($0, to: STDERR_FILENO) }
            }
        }
    }
}
