import Effects
import Glibc
import ReleaseDefinition

/// A private folder for as long as a command needs it.
enum WorkFolder {
    static func with<Result>(_ body: (Directory) async throws -> Result) async throws -> Result {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let name = "slipway-\(Hexadecimal.encode(SystemRandom().bytes(12)))"
        let parent = try Directory.open(base)
        let folder = try parent.createDirectory(name, mode: 0o700)
        do {
            let result = try await body(folder)
            try parent.removeTree(name)
            return result
        } catch {
            try? parent.removeTree(name)
            throw error
        }
    }
}
