import Effects
import Glibc
import Logging
import ReleaseDefinition

/// An upgrade of the OS package replaces the program of an agent that runs, perhaps in the middle of a deployment: so the
/// package restarts nothing. The agent ends by itself when it has nothing in hand, and the service manager, which is the
/// one who calls this, starts the new program.
struct ProgramReplacement: Sendable {
    static let interval = TimeSpan.seconds(5)

    var time: any TimeDoor
    var log: Logger

    func run(_ isIdle: @Sendable () async -> Bool) async {
        while (try? await time.sleep(for: Self.interval)) != nil {
            guard Self.isReplaced(), await isIdle() else { continue }
            log.info("the program was replaced: the agent ends so that the new one is started")
            // Services outlive the agent: this is the same as being stopped.
            _exit(0)
        }
    }

    /// The kernel's word on the file that this process was started from: its name goes on, its inode is gone.
    static func isReplaced() -> Bool { target?.hasSuffix(deleted) ?? false }

    /// Where this program lies, or the one that replaced it.
    static var path: String? {
        target.map { $0.hasSuffix(deleted) ? String($0.dropLast(deleted.count)) : $0 }
    }

    private static let deleted = " (deleted)"

    private static var target: String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
