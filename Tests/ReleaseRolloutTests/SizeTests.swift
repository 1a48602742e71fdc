import ReleaseDefinition
import Testing

@testable import ReleaseRollout

@Suite("Size")
struct SizeTests {
    @Test("The state of a host is at most 200 bytes with its share of index and deadlines")
    func bytesPerHost() {
        // The index has up to four slots of four bytes, a deadline eight and its tree a fifteenth more, the set of hosts
        // that an order waits for up to eleven.
        #expect(MemoryLayout<HostRecord>.stride + 16 + 9 + 11 <= 200)
    }
}
