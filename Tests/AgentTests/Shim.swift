import Effects
import Glibc
import ReleaseDefinition
import Testing

/// What is preloaded into real programs (Tests/Faults).
enum Shim {
    /// - Returns: the library, and the folder that holds it.
    static func compile(_ name: String) async throws -> (path: String, folder: TemporaryFolder) {
        let folder = try TemporaryFolder()
        let source = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Faults/\(name).c"
        let command = "-O1 -shared -fPIC -o \(folder.path)/\(name).so \(source)"
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/bin/sh", arguments: ["-c", "clang \(command) || cc \(command)"],
                environment: ["PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"],
                workingDirectory: "/", timeout: .seconds(60)))
        try #require(result.end == .exited(0), "\(result.output)")
        return (folder.path + "/\(name).so", folder)
    }
}
