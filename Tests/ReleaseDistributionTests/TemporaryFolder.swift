import Effects
import Glibc

/// A folder of the test's own, removed at its end.
final class TemporaryFolder: Sendable {
    let path: String
    let directory: Directory

    init() throws {
        let name = "slipway-distribution-\(SystemRandom().bytes(8).map { String($0) }.joined(separator: "-"))"
        path = "/tmp/" + name
        directory = try Directory.create(path, mode: 0o755)
    }

    deinit { try? Directory.open("/tmp").removeTree(String(path.dropFirst(5))) }
}
