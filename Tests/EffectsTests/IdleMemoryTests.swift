import ReleaseDefinition
import Testing

@testable import Effects

@Suite("Memory of a process that waits")
struct IdleMemoryTests {
    @Test("What nobody uses is given back ever more seldom, up to eight minutes, and soon again after work")
    func pauses() {
        var pause = IdleMemory.pauseMin
        var all = [pause.milliseconds / 1000]
        for _ in 0..<7 {
            pause = IdleMemory.next(after: pause, worked: .milliseconds(7))
            all.append(pause.milliseconds / 1000)
        }
        #expect(all == [10, 20, 40, 80, 160, 320, 480, 480])
        #expect(IdleMemory.next(after: pause, worked: .seconds(1)) == IdleMemory.pauseMin)
    }
}
