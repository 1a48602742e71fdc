import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust
import Testing

@Suite("Bucket bounds")
struct BucketBoundTests {
    @Test("Engine and host read a bound alike: whom the engine means, the assignment addresses, and nobody else")
    func alike() throws {
        let order = OrderID(rollout: try RolloutID("r17"), action: .install)
        let hosts = (0..<4000).map { HostID(unchecked: "host-\($0)") }
        let everyone = Int64(1) << 32
        let bounds: [Int64] = [0, 1, 1 << 20, 1 << 31, everyone - 1, everyone]
        for bound in bounds {
            let view = ChannelView(
                order: order, included: Array(hosts[10..<20]), everyone: bound == everyone,
                excluded: Array(hosts[15..<40]), bound: bound == everyone ? nil : bound)
            let release = try ReleaseName("web@2.0")
            let assignment = Assignment(
                order: order, environment: try EnvironmentName("staging"),
                audience: .channel(
                    try ChannelName("staging.web"), bucketBound: view.bucketBound, included: view.included,
                    excluded: view.excluded),
                release: release, manifest: SHA256Digest(of: []),
                targetPath: TargetPath.manifest(.environment(try EnvironmentName("staging")), release), counter: 1,
                expiresAt: UTCInstant(secondsSince1970: 1_900_000_000))
            #expect(hosts.allSatisfy { view.names($0) == assignment.addresses(host: $0) }, "\(bound)")
        }
    }
}
