import Effects
import Glibc

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    let path: String
    let directory: Directory

    init() throws {
        var template = Array("/tmp/slipway-packaging.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Errno(number: errno) }
        path = String(cString: made)
        directory = try Directory.open(path)
    }

    struct Errno: Error { var number: Int32 }

    deinit {
        guard let parent = try? Directory.open("/tmp") else { return }
        try? parent.removeTree(String(path.dropFirst("/tmp/".count)))
    }
}
