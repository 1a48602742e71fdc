import Glibc
import ReleaseDefinition

/// Data. A write that does not fit is an error: a list cut short must not look complete.
enum StandardOutput {
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// - Throws: `command.output.write`.
    static func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// A terminal is shown what hosts and documents say, and obeys none of it; a file or a pipe gets every byte.
    static func write(_ bytes: [UInt8]) throws {
        guard let failure = writeAll(isTerminal ? TerminalText.visible(bytes) : bytes, to: STDOUT_FILENO) else {
            return
        }
        throw CommandError(
            code: "output.write", summary: "The output could not be written completely.",
            remedy: "Make room where stdout leads, and run the command again.",
            cause: String(cString: strerror(failure)))
    }
}

/// Everything said to people. It may be lost where stderr is closed.
enum Talk {
    static func say(_ line: String) { _ = writeAll(TerminalText.visible(Array((line + "\n").utf8)), to: STDERR_FILENO) }
    /// Of ours alone: a terminal obeys it.
    static func write(_ text: String) { _ = writeAll(Array(text.utf8), to: STDERR_FILENO) }
}

/// The errno of the write that failed; nil: all was written.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            rest = rest.dropFirst(count)
        } else if errno != EINTR {
            return errno
        }
    }
    return nil
}
