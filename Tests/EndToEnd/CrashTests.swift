import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Crashes {
        @Test("A controller killed in mid-phase comes back and finishes the rollout, and the watch goes on")
        func controllerKilled() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 4)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 50%, 100%]", below: fleet.folder)
            let watch = try ChildProcess(
                Files.programs + "/slipway", ["rollout", "start", file, "--dir", fleet.controllerFolder],
                folder: fleet.folder + "/run", output: fleet.folder + "/watch.out", errors: fleet.folder + "/watch.err")
            try await eventually("the second phase has begun") {
                let view = try await fleet.lastRollout()
                return view.release.version.text == "1.1" && view.phases.dropFirst().first?.state == .running
            }
            fleet.killController()
            try await fleet.startController()
            try await eventually(
                "the watch has ended: \(try Files.read(fleet.folder + "/watch.err"))"
            ) {
                watch.endedWith != nil
            }
            #expect(watch.endedWith == 0)
            let said = try Files.read(fleet.folder + "/watch.err")
            #expect(said.contains("The controller is back."), "\(said)")
            try await fleet.everyHostRuns("1.1")
        }

        @Test("An agent killed in the middle of an installation finishes it when it starts again")
        func agentKilled() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            let agent = fleet.agents[0]
            // A hook that lasts long enough to be killed in.
            let source = ReleaseSource(
                version: "1.1", unitLines: ["hooks: { preStart: hooks/wait, timeout: 20s }"],
                files: ["hooks/wait": "#!/bin/sh\n[ -e \"$0.done\" ] || sleep 1\nexit 0\n"])
            try await fleet.done("release", "submit", source.write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            try await eventually("the installation has begun") { agent.installedTree?.contains("1.1") == true }
            agent.kill()
            let tree = try #require(agent.installedTree)
            #expect(tree.contains("1.0") || tree.contains("1.1"))
            try agent.start()
            try await eventually("the rollout has ended") {
                try await fleet.lastRollout().state.isFinal
            }
            try await eventually("each host runs the old or the new release, healthy") {
                for host in fleet.agents {
                    let answer = await fleet.answer(of: host)
                    guard answer == "1.0" || answer == "1.1" else { return false }
                }
                return true
            }
        }

        @Test("Services go on while their agent is dead")
        func servicesOutliveAgents() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            fleet.agents[0].kill()
            #expect(await fleet.answer(of: fleet.agents[0]) == "1.0")
            try fleet.agents[0].start()
            try await fleet.allOnline()
            try await fleet.everyHostRuns("1.0")
        }
    }
}
