import ControllerAPI
import Effects
import ReleaseDefinition
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    /// What packaging/ has for other people's tools, each with the real tool.
    @Suite(.serialized) struct Integrations {
        /// Programs and Pythons that scripts/test prepares.
        static let ansiblePrograms = getenv("SLIPWAY_TEST_ANSIBLE").map { String(cString: $0) }
        static let motoPython = getenv("SLIPWAY_TEST_MOTO").map { String(cString: $0) }

        @Test(
            "The Ansible role enrols two hosts, changes nothing the second time, and a release goes to them by its labels",
            .enabled(
                if: ansiblePrograms != nil,
                "scripts/test installs ansible-core and names its folder in SLIPWAY_TEST_ANSIBLE"))
        func role() async throws {
            let path = "\(Files.programs):\(Self.ansiblePrograms ?? ""):/usr/local/bin:/usr/bin:/bin"
            try await Handbook.run(
                [Handbook.fleet, "docs/from-ansible.md"], environment: ["PATH": path, "LC_ALL": "C.UTF-8"])
        }

        @Test(
            "A CI job submits its product with a token of its own, and with a token of another repository nothing",
            .enabled(if: TestProvider.python != nil, "\(TestProvider.absent)"),
            .enabled(if: ansiblePrograms != nil, "ci_job.py reads YAML with the Python of ansible-core"),
            arguments: ["github-actions.yml", "gitlab-ci.yml"])
        func job(_ file: String) async throws {
            try await TestProvider.serving { provider in
                let fleet = try await Fleet()
                try Files.write(fleet.controllerFolder + "/oidc/provider.pem", provider.authority)
                try Files.write(
                    fleet.controllerFolder + "/oidc.json",
                    """
                    {"issuers": [{"name": "ci", "url": "\(provider.url)", "authority": "oidc/provider.pem",
                      "audiences": ["https://slipway.example.com"], "grants": [
                      {"beginnings": {"sub": "repo:org/web:ref:refs/tags/"}, "set": "builder", "product": "web-service"},
                      {"claims": {"project_path": "org/web", "ref_type": "tag", "ref_protected": "true"},
                       "set": "builder", "product": "web-service"}]}]}
                    """, mode: 0o600)
                let checkout = fleet.folder + "/checkout"
                let release = try ReleaseSource(version: "1.0").write(below: fleet.folder)
                for path in Files.walk(release) {
                    try Files.write(
                        "\(checkout)/release/\(path)", Files.bytes("\(release)/\(path)"),
                        mode: path.contains("/bin/") ? 0o755 : 0o644)
                }
                try Files.write(
                    checkout + "/ci/slipway-ca.pem", Files.bytes(fleet.controllerFolder + "/ca/authority.pem"))
                func run(_ repository: String) async throws -> ChildProcess.Result {
                    let isGitHub = file.hasPrefix("github")
                    let claims =
                        isGitHub
                        ? #""sub": "repo:\#(repository):ref:refs/tags/v1""#
                        : #""sub": "project_path:\#(repository)", "project_path": "\#(repository)", "ref_type": "tag", "ref_protected": "true""#
                    let token = try await provider.token(
                        #"{"claims": {"aud": "https://slipway.example.com", \#(claims)}}"#)
                    return try await ChildProcess.run(
                        "\(Self.ansiblePrograms ?? "")/python",
                        [
                            "\(Files.root)/Tests/EndToEnd/Harness/ci_job.py", "\(Files.root)/packaging/ci/\(file)",
                            checkout, fleet.controllerURL, token,
                        ], environment: ["PATH": "\(Files.programs):/usr/bin:/bin", "HOME": checkout],
                        folder: fleet.folder)
                }
                let stranger = try await run("org/web-of-others")
                #expect(stranger.status == 4, "\(stranger.errors)")
                #expect(try await fleet.json([ReleaseView].self, "release", "list").isEmpty)
                let ours = try await run("org/web")
                #expect(ours.status == 0, "\(ours.errors)")
                #expect(ours.output.contains("web-service@1.0"), "\(ours.output)")
                #expect(try await fleet.json([ReleaseView].self, "release", "list").count == 1)
                #expect(!Files.exists(checkout + "/.slipway-token"))
            }
        }

        @Test(
            "A host pulls from an S3 bucket that rclone filled, also after the next release",
            .enabled(if: motoPython != nil, "scripts/test installs moto and names its Python in SLIPWAY_TEST_MOTO"),
            .enabled(if: Files.exists("/usr/bin/rclone"), "scripts/test installs rclone"))
        func bucket() async throws {
            let fleet = try await Fleet()
            let port = try Ports.free()
            let server = try ChildProcess(
                Self.motoPython ?? "", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "\(port)"],
                folder: fleet.folder + "/run",
                output: fleet.folder + "/moto.log", errors: fleet.folder + "/moto.log")
            defer { server.kill() }
            let url = "http://127.0.0.1:\(port)"
            try await eventually("moto answers") { try await fleet.http.send(HTTPRequest("GET", url)).status == 200 }
            let remote =
                ":s3,provider=Other,endpoint='\(url)',access_key_id=insecure-test,secret_access_key=insecure-test,"
                + "region=us-east-1,force_path_style=true,acl=public-read:slipway"
            struct Published: Decodable {
                var folder: String
                var files: Int
                var bytes: ByteCount
            }
            func publish() async throws {
                let done = try await fleet.json(Published.self, "repository", "publish", "rclone:" + remote)
                #expect(done.files > 0 && done.bytes.value > 0 && done.folder == "rclone:" + remote)
                // The timestamp and the one host's own file are written each time; what never changes is not. The controller
                // may write anew in between: when the host's order is, and by the clock.
                try await eventually("nothing is written but what changes") {
                    try await fleet.json(Published.self, "repository", "publish", "rclone:" + remote).files == 2
                }
            }
            let made = try await ChildProcess.run(
                "/usr/bin/rclone", ["mkdir", remote], environment: ["HOME": fleet.folder], folder: fleet.folder)
            #expect(made.status == 0, "\(made.errors)")
            try await fleet.addAgent(.pull(url + "/slipway"))
            for version in ["1.0", "1.1"] {
                try await fleet.done("release", "submit", ReleaseSource(version: version).write(below: fleet.folder))
                try await fleet.done(
                    "rollout", "start", RolloutSource.write("web-service@\(version)", below: fleet.folder), "--detach")
                try await publish()
                try await fleet.everyHostRuns(version)
            }
            for (path, lifetime) in [("metadata/timestamp.json", "max-age=30"), ("metadata/1.root.json", "immutable")] {
                let answer = try await fleet.http.send(HTTPRequest("GET", "\(url)/slipway/\(path)"))
                #expect(answer.head["Cache-Control"]?.contains(lifetime) == true, "\(path): \(answer.head)")
            }
        }
    }
}
