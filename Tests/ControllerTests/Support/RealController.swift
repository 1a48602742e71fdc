import Effects
import Foundation
import ReleaseDefinition
import Testing

/// The program `slipway-controller`, running on a folder; it ends with the value, or with this process, however that ends.
final class RealController: Sendable {
    /// Beside the test bundle; the release build where SLIPWAY_BIN names its folder.
    static var program: String {
        if let folder = ProcessInfo.processInfo.environment["SLIPWAY_BIN"] { return folder + "/slipway-controller" }
        let parts = #filePath.split(separator: "/").dropLast(4)
        return "/" + parts.joined(separator: "/") + "/.build/debug/slipway-controller"
    }

    private let process: Process
    /// A shell beside it reads to the end of this: our end.
    private let life = Pipe()
    private let files: TemporaryFolder

    /// - Parameter environment: of the controller alone.
    init(folder: String, environment: [String: String] = [:]) throws {
        files = try TemporaryFolder()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let variables = environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { one, _ in one }
        process.arguments =
            [
                "-c",
                """
                files=$1; shift
                "$@" >"$files/log" 2>&1 </dev/null &
                controller=$!
                echo $controller >"$files/process.new"; mv "$files/process.new" "$files/process"
                cat >/dev/null
                kill -KILL $controller 2>/dev/null; wait $controller 2>/dev/null; echo $? >"$files/code"
                """, "sh", files.path, "env",
            ] + variables.map { "\($0.key)=\($0.value)" }.sorted() + [Self.program, "run", "--dir", folder]
        process.standardInput = life
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: files.path + "/" + name, encoding: .utf8)) ?? ""
    }

    var log: String { text("log") }

    var processID: Int32? { Int32(text("process").trimmingCharacters(in: .whitespacesAndNewlines)) }

    /// nil: it does not listen yet.
    var port: Int? {
        log.split(separator: "\n").first { $0.hasPrefix("listening on port ") }
            .flatMap { Int($0.split(separator: " ")[3]) }
    }

    /// Whether it ended by itself, or by a signal.
    var isOver: Bool {
        guard let processID else { return false }
        guard let status = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8) else { return true }
        // A zombie until its shell looks.
        return status.drop { $0 != ")" }.dropFirst(2).first == "Z"
    }

    func send(_ signal: Int32) { if let processID { kill(processID, signal) } }

    /// - Returns: 128 + signal where one ended it; nothing of it runs any more.
    @discardableResult
    func end() async throws -> Int32 {
        try? life.fileHandleForWriting.close()
        try await eventually { !process.isRunning }
        return Int32(text("code").trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    deinit { try? life.fileHandleForWriting.close() }
}
