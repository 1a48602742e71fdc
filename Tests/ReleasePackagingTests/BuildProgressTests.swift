import ReleaseDefinition
import ReleasePackaging
import Synchronization
import Testing

@Suite("Progress of a build")
struct BuildProgressTests {
    @Test("The rate and the time that is left follow from what is done and how long it took; at first there is none")
    func rate() {
        let progress = BuildProgress(done: ByteCount(60_000_000), total: ByteCount(150_000_000))
        #expect(progress.rate(after: .seconds(2)) == ByteCount(30_000_000))
        #expect(progress.timeLeft(after: .seconds(2)) == .seconds(3))
        #expect(progress.share == 0.4)
        #expect(progress.rate(after: .milliseconds(50)) == nil)
        let none = BuildProgress(done: ByteCount(0), total: ByteCount(10))
        #expect(none.rate(after: .seconds(9)) == nil && none.timeLeft(after: .seconds(9)) == nil && none.share == 0)
        #expect(BuildProgress(done: ByteCount(0), total: ByteCount(0)).share == 1)
        #expect(BuildProgress(done: ByteCount(10), total: ByteCount(10)).timeLeft(after: .seconds(1)) == .zero)
    }

    @Test("It begins at nothing, never goes back and ends with all bytes of the streams")
    func reports() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        let seen = Mutex<[BuildProgress]>([])
        let built = try await fixture.build(jobs: 4) { progress in seen.withLock { $0.append(progress) } }
        let total = built.manifest.units[0].payload.tar.length
        let reports = seen.withLock { $0 }
        #expect(reports.first == BuildProgress(done: ByteCount(0), total: total))
        #expect(reports.last == BuildProgress(done: total, total: total))
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.done <= $1.done })
    }
}
