import Glibc

@testable import Effects

/// A folder of the test's own, removed at its end.
final class TemporaryFolder: Sendable {
    let path: String
    let directory: Directory

    init() throws {
        var template = Array("/tmp/slipway-effects-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCall.error(errno, "mkdtemp", "/tmp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        directory = try Directory.open(path)
    }

    deinit { try? Directory.open("/tmp").removeTree(String(path.dropFirst(5))) }
}
