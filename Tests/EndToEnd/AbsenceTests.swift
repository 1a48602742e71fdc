import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Absences {
        /// Debian puts it in a folder of the machine's kind.
        static let libfaketime =
            ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu/faketime/libfaketime.so.1" }.first(where: Files.exists)

        @Test(
            "A controller away for five days: every agent comes back by itself, one with a certificate that ran out, and takes the next release",
            .enabled(if: libfaketime != nil, "scripts/test installs faketime"))
        func fiveDays() async throws {
            let clock = try FakeClock(#require(Self.libfaketime))
            try clock.set("-26d")
            let fleet = try await Fleet(environment: clock.environment)
            let url = try await fleet.startWebServer()
            for delivery in [FleetAgent.Delivery.push, .push, .push, .pull(url)] { try await fleet.addAgent(delivery) }
            try await fleet.install("1.0")
            let sleeper = fleet.agents[0]
            let others = fleet.agents.dropFirst()

            // 26 days later the others renew; this one sleeps until the end.
            sleeper.sleep()
            fleet.killController()
            try clock.set("+0d")
            try await fleet.startController()
            try await eventually("the others renew: \(others.map(\.log))") {
                others.allSatisfy { $0.log.contains("the certificate was renewed") }
            }

            fleet.killController()
            try clock.set("+5d")
            try await eventually("they notice: \(others.map(\.log))") {
                others.allSatisfy { agent in
                    guard let renewed = agent.log.ranges(of: "the certificate was renewed").last else { return false }
                    return agent.log[renewed.upperBound...].contains("effects.http.")
                }
            }
            try await fleet.startController()
            #expect(!sleeper.log.contains("the certificate was renewed"))
            sleeper.wake()
            try await fleet.allOnline()
            #expect(sleeper.log.contains("the certificate was renewed"), "it had run out a day ago")
            try await fleet.install("1.1")
            #expect(try await fleet.json([HostView].self, "hosts", "list").allSatisfy { $0.standing == .active })
        }
    }
}

/// A clock that running programs follow, for libfaketime (its README: FAKETIME_TIMESTAMP_FILE).
private struct FakeClock {
    let folder: String
    private let library: String

    init(_ library: String) throws {
        self.library = library
        folder = try Files.makeTemporaryFolder()
    }

    var environment: [String: String] {
        [
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": folder + "/clock", "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        ]
    }

    func set(_ offset: String) throws {
        try Files.write(folder + "/clock.new", Array(offset.utf8))
        #expect(rename(folder + "/clock.new", folder + "/clock") == 0)
    }
}
