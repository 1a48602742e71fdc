import Effects
import Foundation
import ReleaseDefinition
import Testing

/// Programs of other languages that tests start, beside this file.
enum TestScripts {
    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// A server of ours with the port that it says, and the lines of its log; it ends with the body, however that ends.
    static func serving<Value>(
        _ name: String, in folder: String, _ arguments: [String] = [],
        _ body: (_ url: String, _ lines: @escaping () throws -> [String]) async throws -> Value
    ) async throws -> Value {
        let processes = LiveProcesses()
        let (port, log) = ("\(name).port", "\(name).lines")
        let service = try processes.startService(
            ProcessCommand(
                executable: "/usr/bin/python3",
                arguments: [path(name), "\(folder)/\(port)", "\(folder)/\(log)"] + arguments, workingDirectory: "/",
                timeout: .minutes(5)), log: "\(folder)/\(name).log")
        let directory = try Directory.open(folder)
        let result: Result<Value, any Error>
        do {
            try await eventually { try directory.status(port) != nil }
            let number = String(decoding: try directory.read(port, sizeMax: ByteCount(10)), as: UTF8.self)
            let value = try await body("http://127.0.0.1:\(number)") {
                let bytes = try directory.readIfPresent(log, sizeMax: ByteCount(16 << 20)) ?? []
                return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            }
            result = .success(value)
        } catch { result = .failure(error) }
        try await processes.stopService(service, grace: .seconds(1))
        return try result.get()
    }
}
