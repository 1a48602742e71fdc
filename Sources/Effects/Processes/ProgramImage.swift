import CSystemShims
import Glibc
import ReleaseDefinition

/// This process's own program: what it is, and another in its place.
public enum ProgramImage {
    /// The file that it was started from; nil where /proc is not there. A file that was replaced since is named by its path.
    public static func path() -> String? {
        guard let path = link() else { return nil }
        return path.hasSuffix(replacedMark) ? String(path.dropLast(replacedMark.count)) : path
    }

    /// The kernel's word on the file that this process was started from: its name goes on, its inode is gone.
    public static func isReplaced() -> Bool { link()?.hasSuffix(replacedMark) ?? false }

    private static func link() -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let replacedMark = " (deleted)"

    /// The same process goes on as another program: same number, same standard streams, nothing else open.
    /// - Throws: `effects.process.replace`: it goes on as it was.
    public static func replace(
        by executable: String, arguments: [String], environment: [String: String]
    ) throws(EffectsError) -> Never {
        let variables = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let number = SpawnedProcess.withCStrings([executable] + arguments) { words in
            SpawnedProcess.withCStrings(variables) { slipway_become(executable, words, $0, nil, -1) }
        }
        throw EffectsError(
            code: "process.replace", summary: "\(executable) cannot be started.",
            remedy: "Check that it is a program for this machine and may be executed.",
            cause: String(cString: strerror(number)))
    }

    /// The whole environment of this process.
    public static func environment() -> [String: String] {
        var values: [String: String] = [:]
        var next = environ
        while let text = next.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return values
    }

    /// Since the kernel started; goes on while the machine sleeps.
    public static func sinceBoot() -> TimeSpan { .milliseconds(slipway_since_boot()) }
}
