import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Strategies {
        @Test("Two sides: the program switches the traffic between them, and a back-out goes the same way back")
        func parallel() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let hosts = try await fleet.json([HostView].self, "hosts", "list").map(\.id).sorted()
            let file = Files.unique(fleet.folder + "/sides") + ".yaml"
            try Files.write(
                file,
                """
                release: web-service@1.1
                environment: staging
                hosts: all
                strategy: parallel
                sides: { first: id=\(hosts[0]), second: id=\(hosts[1]), switch: lb-switch, timeout: 30s }
                limits: { progressDeadline: 2m }
                backOut: rollout

                """)
            let absent = try await fleet.slipway("rollout", "start", file)
            #expect(absent.status != 0)
            #expect(absent.errors.contains("hooks/lb-switch is not there"), "\(absent.errors)")
            let hooks = fleet.controllerFolder + "/hooks"
            try Files.write(
                hooks + "/lb-switch", "#!/bin/sh\necho \"$1 $SLIPWAY_RELEASE\" >> switched\n", mode: 0o755)
            let started = try await fleet.slipway("rollout", "start", file)
            #expect(started.status == 0, "\(started.errors)")
            #expect(started.errors.contains("the traffic is switched"))
            try await fleet.everyHostRuns("1.1")
            let id = try await fleet.lastRollout().id
            let back = try await fleet.slipway("rollout", "back-out", id.text, "--reason", "a test", "--yes")
            #expect(back.status == 7, "\(back.errors)")
            try await fleet.everyHostRuns("1.0")
            let said = String(decoding: try Files.bytes(hooks + "/switched"), as: UTF8.self)
            #expect(said == "forward web-service@1.1\nback web-service@1.1\n")
        }

        @Test("Continuous: a newer release that is approved starts by itself; a host that comes late catches up")
        func continuous() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = Files.unique(fleet.folder + "/continuous") + ".yaml"
            try Files.write(
                file,
                """
                release: web-service@1.1
                environment: staging
                hosts: all
                strategy: continuous
                phases: [1, 100%]
                limits: { parallelism: 100%, progressDeadline: 2m }

                """)
            try await fleet.done("rollout", "start", file)
            try await fleet.addAgent()
            try await fleet.everyHostRuns("1.1")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.2").write(below: fleet.folder))
            try await fleet.everyHostRuns("1.2")
            #expect(try await fleet.lastRollout().startedBy == "channel")
        }
    }
}
