import ArgumentParser
import Effects
import Logging
import ReleaseDefinition

/// One line an event on stderr, which systemd keeps: time, level, words, then `key="value"`.
struct AgentLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let time = SystemTime()

    static func make(_ level: LogLevel) -> Logger {
        Logger(label: "slipway-agent", factory: { _ in AgentLog(logLevel: level.level) })
    }

    init(logLevel: Logger.Level) { self.logLevel = logLevel }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var text = "\(time.now()) \(event.level) \(event.message)"
        let more = event.metadata ?? [:]
        for (key, value) in metadata.merging(more, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            text += " \(key)=\(Self.quoted("\(value)"))"
        }
        FileHandleOutput.standardError(text + "\n")
    }

    /// Bare where it is one plain word; else on one line whatever it holds.
    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        return isPlain ? text : String(decoding: JSONValue.string(text).wireBytes, as: UTF8.self)
    }
}

/// `--log-level`: from which level on something is logged.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
