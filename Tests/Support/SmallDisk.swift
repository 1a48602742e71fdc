import Effects
import ReleaseDefinition

/// A file system of 256 KiB in memory, mounted below a folder. Where this user may not mount, nothing is tested.
public enum SmallDisk {
    public static func with(_ body: (Directory) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/disk"
        try folder.directory.createDirectory("disk")
        guard try await run("/bin/mount", "-t", "tmpfs", "-o", "size=256k", "none", path) else { return }
        let result: Result<Void, any Error>
        do { result = .success(try await body(Directory.open(path))) } catch { result = .failure(error) }
        _ = try await run("/bin/umount", "-l", path)
        try result.get()
    }

    private static func run(_ arguments: String...) async throws -> Bool {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: arguments[0], arguments: Array(arguments.dropFirst()), workingDirectory: "/",
                timeout: .seconds(60)))
        return result.end == .exited(0)
    }
}
