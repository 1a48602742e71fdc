import Effects
import Glibc

/// A private folder for as long as a command needs it, and not after an interruption. Some of what commands of this user left
/// that could not even remove it (kill -9) goes when it is done.
enum WorkFolder {
    private static let prefix = "slipway-work-"

    static func with<Result>(_ body: (Directory) async throws -> Result) async throws -> Result {
        let parent = try Directory.open(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
        defer { _ = try? parent.sweepClaims(prefix) }
        let claim = try parent.claimDirectory(prefix, mode: 0o700)
        // Workers may make a file while it goes.
        let interruption = Interruption.begin { for _ in 0..<3 where (try? claim.remove()) != nil { break } }
        defer { Interruption.end(interruption) }
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
