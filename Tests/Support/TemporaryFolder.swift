import Effects
import Glibc

/// A folder of the test's own, removed at its end.
public final class TemporaryFolder: Sendable {
    public let path: String
    public let directory: Directory

    public init() throws {
        var template = Array("/tmp/slipway-tests.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Refused(number: errno) }
        path = String(cString: made)
        directory = try Directory.open(path)
    }

    struct Refused: Error { var number: Int32 }

    deinit { try? Directory.open("/tmp").removeTree(String(path.dropFirst("/tmp/".count))) }
}
