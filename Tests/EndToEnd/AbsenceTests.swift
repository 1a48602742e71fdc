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

/// A wall clock that running programs follow, and nothing else of theirs: libfaketime also moves the timers of
/// timerfd_settime(2), whatever their clock, so that nothing that sleeps ever wakes.
private struct WallClock {
    private let folder: String

    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>
        static volatile int64_t *offset;
        __attribute__((constructor)) static void open_clock(void) {
            const char *path = getenv("SLIPWAY_TEST_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *memory = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
            if (memory != MAP_FAILED) offset = memory;
            close(file);
        }
        int clock_gettime(clockid_t clock, struct timespec *time) {
            int failure = syscall(SYS_clock_gettime, clock, time);
            if (!failure && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                time->tv_sec += *offset;
            return failure;
        }
        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            time->tv_sec = now.tv_sec;
            time->tv_usec = now.tv_nsec / 1000;
            return 0;
        }
        time_t time(time_t *kept) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (kept) *kept = now.tv_sec;
            return now.tv_sec;
        }

        """

    static let compiler: String? = {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin"
        return path.split(separator: ":").flatMap { ["\($0)/clang", "\($0)/cc"] }.first(where: Files.exists)
    }()

    init() async throws {
        folder = try Files.makeTemporaryFolder()
        try Files.write(folder + "/clock.c", Self.source)
        let compiler = try #require(Self.compiler)
        let arguments = ["-shared", "-fPIC", "-O1", "-o", folder + "/clock.so", folder + "/clock.c"]
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
