import Effects
import Glibc
import Logging
import ReleaseDefinition

/// An upgrade of the OS package replaces the program of an agent that runs, perhaps in the middle of a deployment: so the
/// package restarts nothing. The agent ends by itself when it has nothing in hand, and the service manager, which is the
/// one who calls this, starts the new program. The same where a release of the agent runs in the packaged program's place.
struct ProgramReplacement: Sendable {
    /// Each look wakes a process that else sleeps, for weeks: it is a good part of what an idle agent costs.
    static let interval = TimeSpan.seconds(15)

    var time: any TimeDoor
    var log: Logger
    /// The program that the service manager starts; nil: this one.
    var base: String?
    /// Whether another release of the agent should run by now.
    var isOutOfPlace: @Sendable () -> Bool = { false }

    func run(_ isIdle: @Sendable () async -> Bool) async {
        let before = Self.identity(of: base)
        while (try? await time.sleep(for: Self.interval)) != nil {
            guard ProgramImage.isReplaced() || Self.identity(of: base) != before || isOutOfPlace(), await isIdle()
            else {
                continue
            }
            log.info("the program was replaced: the agent ends so that the new one is started")
            // Services outlive the agent: this is the same as being stopped.
            _exit(0)
        }
    }

    /// Changes when the file is replaced; the same while there is none.
    private static func identity(of path: String?) -> [UInt64] {
        var status = stat()
        guard let path, stat(path, &status) == 0 else { return [] }
        return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }
}
