import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct SelfHosting {
        static let release = Files.root + "/.build/release"
        static let programs = ["slipway", "slipway-agent", "slipway-controller"]

        @Test(
            "Slipway's own release programs are packaged, deployed to a host, and run there",
            .enabled(if: programs.allSatisfy { Files.exists("\(release)/\($0)") }, "scripts/test builds the release"))
        func deploysItself() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent()
            try await fleet.allOnline()
            let folder = fleet.folder + "/slipway-release"
            for program in Self.programs {
                try Files.write(
                    "\(folder)/tree/bin/\(program)", Files.bytes("\(Self.release)/\(program)"), mode: 0o755)
            }
            try Files.write(
                folder + "/release.yaml",
                """
                product: slipway
                version: "1.0"
                category: major
                summary: Slipway's own programs
                owner: slipway
                units:
                  - name: programs
                    type: tree
                    source: ./tree
                    installTo: /opt/slipway
                    health:
                      - { command: [bin/slipway, version], every: 1s, timeout: 5s }
                    minimumHealthy: 1s
                    healthyDeadline: 40s

                """)
            try await fleet.done("release", "submit", folder)
            let release = try await fleet.json(ReleaseView.self, "release", "show", "slipway@1.0")
            #expect((release.units.first?.size.value ?? 0) > 10 << 20, "a real tree of tens of megabytes")
            try await fleet.done("rollout", "start", RolloutSource.write("slipway@1.0", below: fleet.folder))
            for program in Self.programs {
                let installed = try Files.bytes("\(agent.root)/opt/slipway/bin/\(program)")
                #expect(SHA256Digest(of: installed) == SHA256Digest(of: try Files.bytes("\(Self.release)/\(program)")))
            }
            let version = try await ChildProcess.run(
                "\(agent.root)/opt/slipway/bin/slipway", ["version"], folder: fleet.folder)
            #expect(version.status == 0 && version.output.hasPrefix("slipway "), "\(version)")
        }
    }
}
