import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Refusals {
        @Test("A join string that was used up is refused, and the next invitation still works")
        func usedJoinString() async throws {
            let fleet = try await Fleet()
            let join = try await fleet.done("hosts", "invite").filter { !$0.isWhitespace }
            let first = try FleetAgent(fleet: fleet.folder, number: 1, delivery: .push)
            try await first.join(join)
            let second = try await ChildProcess.run(
                Files.programs + "/slipway-agent", ["join", join, "--dir", fleet.folder + "/second"],
                folder: fleet.folder + "/run")
            #expect(second.status == 4, "\(second.errors)")
            #expect(second.errors.contains("join"), "\(second.errors)")
            #expect(try await fleet.json([HostView].self, "hosts", "list").count == 1)
        }

        @Test("A host whose certificate is of another controller hears nothing and reports nothing")
        func wrongCertificate() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let stranger = try await Fleet()
            let agent = try await stranger.addAgent()
            agent.kill()
            // The stranger's host, sent to the other controller with the right authority but its own certificate.
            let configuration = try Files.read(agent.folder + "/agent.json")
                .replacing(stranger.controllerURL, with: fleet.controllerURL)
            try Files.write(agent.folder + "/agent.json", configuration)
            try Files.write(
                agent.folder + "/tls/authorities.pem", Files.read(fleet.controllerFolder + "/ca/authority.pem"))
            try agent.start()
            try await eventually("the agent says that it is refused: \(agent.log)") {
                agent.log.contains("refused") || agent.log.contains("401") || agent.log.contains("403")
                    || agent.log.contains("http")
            }
            #expect(try await fleet.json([HostView].self, "hosts", "list").count == 1)
            try await fleet.everyHostRuns("1.0")
        }

        @Test("A controller with another authority is not believed")
        func wrongAuthority() async throws {
            let fleet = try await Fleet()
            let other = try await Fleet()
            let result = try await fleet.slipway(
                "hosts", "list", "--controller", fleet.controllerURL, "--token-file",
                fleet.controllerFolder + "/admin.token", "--authority", other.controllerFolder + "/ca/authority.pem",
                hasController: false)
            #expect(result.status == 9)
            #expect(result.output.isEmpty)
            #expect(result.errors.contains("api.unreachable"), "\(result.errors)")
        }

        @Test(
            "A wrong token is refused with exit code 4, an unknown host or release with 3, and nothing is started for nobody"
        )
        func exitCodes() async throws {
            let fleet = try await Fleet()
            let token = fleet.folder + "/wrong.token"
            try Files.write(token, "not-the-token\n")
            let stranger = try await fleet.slipway("hosts", "list", "--token-file", token)
            #expect(stranger.status == 4, "\(stranger.errors)")
            #expect(try await fleet.slipway("hosts", "show", "nobody").status == 3)
            #expect(try await fleet.slipway("release", "show", "web-service@9.0").status == 3)
            #expect(try await fleet.slipway("rollout", "watch", "nothing").status == 3)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let empty = try await fleet.slipway(
                "rollout", "start", RolloutSource.write("web-service@1.0", below: fleet.folder))
            #expect(empty.status != 0)
            #expect(empty.errors.contains("host"), "a rollout with no hosts is refused: \(empty.errors)")
        }

        @Test("A definition with several mistakes is refused with each of them, before anything is sent")
        func badDefinition() async throws {
            let fleet = try await Fleet()
            let folder = try ReleaseSource(version: "1.0", unitLines: ["colour: red", "persistent: [../etc]"])
                .write(below: fleet.folder)
            let result = try await fleet.slipway("release", "submit", folder)
            #expect(result.status == 1)
            #expect(result.errors.contains("colour") && result.errors.contains("../etc"), "\(result.errors)")
            #expect(try await fleet.json([ReleaseView].self, "release", "list").isEmpty)
        }

        @Test("The same version with other bytes is refused")
        func sameVersionOtherBytes() async throws {
            let fleet = try await Fleet()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let other = ReleaseSource(version: "1.0", files: ["service/site/index.html": "other bytes\n"])
            let result = try await fleet.slipway("release", "submit", other.write(below: fleet.folder))
            #expect(result.status == 5, "\(result.status): \(result.errors)")
        }
    }
}
