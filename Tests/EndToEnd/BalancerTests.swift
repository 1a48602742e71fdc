import Glibc
import Testing

import enum TestSupport.Ports

extension EndToEnd {
    /// The hooks of examples/haproxy, each a process, with the real HAProxy and its file as it stands there.
    @Suite(.serialized) struct Balancer {
        private static let program = "/usr/sbin/haproxy"

        /// Whether it is in clock_nanosleep(2), which has another number on each architecture.
        private static func isAsleep(_ hook: ChildProcess) -> Bool {
            #if arch(arm64)
                let number = "115 "
            #else
                let number = "230 "
            #endif
            return (try? Files.read("/proc/\(hook.processID)/syscall"))?.hasPrefix(number) == true
        }

        @Test(
            "A phase of hosts whose hooks ask HAProxy at one moment, while it is held up, all leave it",
            .enabled(if: access(program, X_OK) == 0, "scripts/test installs haproxy"))
        func crowd() async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            let socket = folder + "/haproxy.sock"
            let proxy = try ChildProcess(
                Self.program, ["-db", "-f", Files.root + "/examples/haproxy/haproxy.cfg"],
                environment: [
                    "RUN": folder, "FRONT": String(Ports.free()), "H1": String(Ports.free()),
                    "H2": String(Ports.free()),
                ],
                folder: folder, output: folder + "/haproxy.out", errors: folder + "/haproxy.err")
            defer { proxy.kill() }
            try await eventually("HAProxy listens") { access(socket, F_OK) == 0 }

            // Its queue holds eleven: the rest is refused until it goes on.
            proxy.send(SIGSTOP)
            let hooks = try (0..<24).map { number in
                try ChildProcess(
                    Files.root + "/examples/haproxy/release/hooks/balancer", [],
                    environment: ["BALANCER": socket, "BALANCED": "web/h1", "SLIPWAY_HOOK": "drain"],
                    folder: folder, output: folder + "/hook-\(number).out", errors: folder + "/hook-\(number).err")
            }
            try await eventually("one is refused: it waits for another time, or has given up") {
                hooks.contains { $0.endedWith != nil || Self.isAsleep($0) }
            }
            proxy.send(SIGCONT)
            for (number, hook) in hooks.enumerated() {
                try await eventually("hook \(number) ends") { hook.endedWith != nil }
                let said = try Files.read(folder + "/hook-\(number).err")
                #expect(hook.endedWith == 0, "\(said)")
            }
        }
    }
}
