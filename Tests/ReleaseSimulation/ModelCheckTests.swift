import ReleaseSimulation
import Testing

@Suite("Model check")
struct ModelCheckTests {
    @Test("R24: the engine and the reference, written from the rules alone, agree on made-up histories")
    func agree() throws {
        var failures = 0
        for seed in 0..<UInt64(400) where failures < 6 {
            var check = try #require(ModelCheck(seed: seed))
            do {
                try check.run()
            } catch {
                failures += 1
                Issue.record("replay: seed \(seed): \(error)")
            }
        }
    }
}
