import Effects
import ReleaseDefinition
import Testing

@Suite("Time and randomness")
struct TimeTests {
    @Test("The system's clocks agree with each other about a short sleep")
    func systemTime() async throws {
        let time = SystemTime()
        let (wall, steady) = (time.now(), time.monotonic())
        try await time.sleep(for: .milliseconds(20))
        #expect(time.monotonic().milliseconds - steady.milliseconds >= 19)
        #expect(time.now() >= wall)
        try await time.sleep(for: .milliseconds(-5))
    }

    @Test("Manual time wakes whose moment has come, earliest first, and nobody else")
    func manualTime() async throws {
        let time = ManualTime(now: try UTCInstant("2026-11-20T09:00:00Z"))
        let (stream, woken) = AsyncStream.makeStream(of: Int64.self)
        let tasks = [3, 1, 2].map { (seconds: Int64) in
            Task {
                try await time.sleep(for: .seconds(seconds))
                woken.yield(seconds)
            }
        }
        await time.untilSleeping(3)
        #expect(time.nextWake == .seconds(1))
        time.advance(by: .seconds(1))
        var order = stream.makeAsyncIterator()
        #expect(await order.next() == 1)
        time.advance(by: .seconds(2))
        #expect(Set([await order.next(), await order.next()]) == [2, 3])
        #expect(time.now() == (try UTCInstant("2026-11-20T09:00:03Z")))
        #expect(time.nextWake == nil)
        for task in tasks { try await task.value }
    }

    @Test("A cancelled sleeper stops sleeping")
    func cancelledSleep() async throws {
        let time = ManualTime(now: UTCInstant(secondsSince1970: 0))
        let task = Task { try await time.sleep(for: .days(1)) }
        await time.untilSleeping()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(time.nextWake == nil)
    }

    @Test("A seed gives the same bytes each time; the kernel does not")
    func randomness() {
        #expect(SeededRandom(seed: 7).bytes(13) == SeededRandom(seed: 7).bytes(13))
        #expect(SeededRandom(seed: 7).bytes(13) != SeededRandom(seed: 8).bytes(13))
        #expect(SystemRandom().bytes(16) != SystemRandom().bytes(16))
        #expect(SystemRandom().bytes(0).isEmpty && SystemRandom().bytes(-1).isEmpty)
    }
}
