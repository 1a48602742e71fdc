import Effects
import Glibc
import ReleaseDefinition

/// A small file system in memory, mounted below a folder.
public enum SmallDisk {
    /// Whether this user may mount here. A test that needs it says so in its `.enabled(if:)`.
    public static let isPossible: Bool = {
        guard let folder = try? TemporaryFolder(), mount("none", folder.path, "tmpfs", 0, "size=64k") == 0 else {
            return false
        }
        return umount2(folder.path, Int32(MNT_DETACH)) == 0
    }()

    /// - Parameter size: as mount(8) of a tmpfs takes it.
    public static func with(size: String = "256k", _ body: (Directory) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/disk"
        try folder.directory.createDirectory("disk")
        guard mount("none", path, "tmpfs", 0, "size=\(size)") == 0 else { throw Unmounted(number: errno) }
        let result: Result<Void, any Error>
        do { result = .success(try await body(Directory.open(path))) } catch { result = .failure(error) }
        umount2(path, Int32(MNT_DETACH))
        try result.get()
    }

    struct Unmounted: Error { var number: Int32 }
}
