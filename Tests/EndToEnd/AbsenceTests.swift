import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Absences {
        @Test(
            "A controller away for five days: every agent comes back by itself, two with a certificate that ran out, and takes the next release",
            .enabled(if: WallClock.compiler != nil, "the toolchain's clang is on the path where swift is"))
        func fiveDays() async throws {
            let clock = try await WallClock()
            try clock.set(days: -26)
            let fleet = try await Fleet(environment: clock.environment)
            let url = try await fleet.startWebServer()
            for delivery in [FleetAgent.Delivery.push, .push, .push, .pull(url)] { try await fleet.addAgent(delivery) }
            try await fleet.install("1.0")
            let sleeper = fleet.agents[0]
            let others = Array(fleet.agents[1...2])
            let puller = fleet.agents[3]

            // All sleep for 26 days; then the others wake, and those with a stream renew at once. The first sleeps on, and so does
            // the one that pulls: it renews in its own time, or when it finds that it is too late.
            for agent in fleet.agents { agent.sleep() }
            fleet.killController()
            try clock.set(days: 0)
            try await fleet.startController()
            for agent in others { agent.wake() }
            try await eventually("the others renew: \(others.map(\.log))") {
                others.allSatisfy { $0.log.contains("the certificate was renewed") }
            }

            fleet.killController()
            try clock.set(days: 5)
            try await eventually("they notice: \(others.map(\.log))") {
                others.allSatisfy { agent in
                    guard let renewed = agent.log.ranges(of: "the certificate was renewed").last else { return false }
                    return agent.log[renewed.upperBound...].contains("the stream to the controller broke")
                }
            }
            try await fleet.startController()
            #expect(!sleeper.log.contains("the certificate was renewed"))
            for agent in [sleeper, puller] { agent.wake() }
            try await fleet.allOnline()
            for agent in [sleeper, puller] {
                #expect(agent.log.contains("the certificate was renewed"), "it had run out a day ago")
            }
            try await fleet.install("1.1")
            #expect(try await fleet.json([HostView].self, "hosts", "list").allSatisfy { $0.standing == .active })
        }
    }
}

/// A wall clock that running programs follow, and nothing else of theirs.
private struct WallClock {
    private let folder: String

    private static let source =
        "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Faults/clock.c"

    static let compiler: String? = {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin"
        return path.split(separator: ":").flatMap { ["\($0)/clang", "\($0)/cc"] }.first(where: Files.exists)
    }()

    init() async throws {
        folder = try Files.makeTemporaryFolder()
        let compiler = try #require(Self.compiler)
        let arguments = ["-shared", "-fPIC", "-O1", "-o", folder + "/clock.so", Self.source]
        let made = try await ChildProcess.run(compiler, arguments, folder: folder)
        #expect(made.status == 0, "\(made.errors)")
    }

    var environment: [String: String] {
        ["LD_PRELOAD": folder + "/clock.so", "SLIPWAY_TEST_CLOCK": folder + "/offset"]
    }

    /// In place: the programs have the file in their memory.
    func set(days: Int64) throws {
        var seconds = days * 86_400
        let file = open(folder + "/offset", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        defer { close(file) }
        #expect(pwrite(file, &seconds, 8, 0) == 8)
    }
}
