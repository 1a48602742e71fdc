import Effects
import Glibc

/// A private folder for as long as a command needs it. Some of what killed commands of this user left goes
/// when it is done.
enum WorkFolder {
    private static let prefix = "slipway-work-"

    static func with<Result>(_ body: (Directory) async throws -> Result) async throws -> Result {
        let parent = try Directory.open(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
        defer { _ = try? parent.sweepClaims(prefix) }
        let claim = try parent.claimDirectory(prefix, mode: 0o700)
        do {
            let result = try await body(claim.place)
            try claim.remove()
            return result
        } catch {
            try? claim.remove()
            throw error
        }
    }
}
