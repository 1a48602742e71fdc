import Effects
import Glibc
import ReleaseDefinition

/// What is preloaded into real programs (Tests/Faults).
public enum Shim {
    public typealias Folder = TemporaryFolder

    /// - Returns: the library, and the folder that holds it.
    public static func compile(_ name: String) async throws -> (path: String, folder: Folder) {
        let folder = try TemporaryFolder()
        let source = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Faults/\(name).c"
        let command = "-O1 -shared -fPIC -o \(folder.path)/\(name).so \(source)"
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/bin/sh", arguments: ["-c", "clang \(command) || cc \(command)"],
                environment: ["PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"],
                workingDirectory: "/", timeout: .seconds(60)))
        guard result.end == .exited(0) else { throw NotCompiled(output: "\(result.output)") }
        return (folder.path + "/\(name).so", folder)
    }

    struct NotCompiled: Error { var output: String }
}
