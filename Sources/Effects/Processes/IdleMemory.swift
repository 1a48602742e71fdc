import Glibc
import ReleaseDefinition

/// The memory of a process that waits most of its time: what it started with, or did something with, is the host's again.
public enum IdleMemory {
    static let pauseMin = TimeSpan.seconds(10)
    static let pauseMax = TimeSpan.minutes(8)
    /// What a process that only waits does not work between two looks.
    static let busy = TimeSpan.milliseconds(50)

    /// Until its task is cancelled.
    public static func keep(_ time: any TimeDoor) async {
        var pause = pauseMin
        var worked = processorTime()
        while (try? await time.sleep(for: pause)) != nil {
            Heap.giveBack()
            ProgramPages.giveBack()
            let now = processorTime()
            pause = next(after: pause, worked: TimeSpan(milliseconds: now.milliseconds - worked.milliseconds))
            worked = now
        }
    }

    /// Soon again after work; ever more seldom while there is none, as a page that is given back and used again has to be
    /// mapped again.
    static func next(after pause: TimeSpan, worked: TimeSpan) -> TimeSpan {
        worked > busy ? pauseMin : min(pauseMax, pause * 2)
    }

    private static func processorTime() -> TimeSpan {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return TimeSpan(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
