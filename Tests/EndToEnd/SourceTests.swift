import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// What a release may be made of, through `slipway release submit` to a host.
    @Suite(.serialized) struct Sources {
        #if arch(x86_64)
            private static let own = "amd64", other = "arm64"
        #else
            private static let own = "arm64", other = "amd64"
        #endif

        /// The example service in `folder/NAME`, with a word in it.
        private func tree(_ name: String, in folder: String, word: String) throws {
            let example = ReleaseSource.example("v1/service")
            for path in Files.walk(example) {
                try Files.write(
                    "\(folder)/\(name)/\(path)", Files.bytes("\(example)/\(path)"),
                    mode: path.hasPrefix("bin/") ? 0o755 : 0o644)
            }
            try Files.write("\(folder)/\(name)/VERSION", "1.0\n")
            try Files.write("\(folder)/\(name)/WORD", word)
        }

        /// - Parameter lines: the sources, and what stands below the units.
        private func definition(unit: String, rest: String = "") -> String {
            """
            product: web-service
            version: "1.0"
            category: major
            summary: A release of a test
            owner: tests
            units:
              - name: web
                \(unit)
                installTo: /opt/web-service
                service: { command: [bin/serve] }
                health:
                  - { http: "http://127.0.0.1:${PORT}/healthz", status: 200, every: 100ms, timeout: 1s, startPeriod: 15s, failures: 3 }
                minimumHealthy: 300ms
                healthyDeadline: 60s
            \(rest)
            """
        }

        private func rollOut(_ fleet: Fleet, environment: String = "staging") async throws {
            try await fleet.allOnline()
            try await fleet.done(
                "rollout", "start",
                RolloutSource.write("web-service@1.0", environment: environment, below: fleet.folder), "--detach")
        }

        /// The repository's blob that holds a text, by its name.
        private func blob(of fleet: Fleet, with text: String) throws -> String {
            let blobs = fleet.controllerFolder + "/repository/blobs"
            return try #require(
                Files.list(blobs).first { try Files.read("\(blobs)/\($0)").contains(text) }, "no blob holds \(text)")
        }

        @Test("A host takes the variant for itself, and a host for which there is none is told so before it fetches")
        func variants() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            let agent = try await fleet.addAgent(.pull(url))
            let folder = fleet.folder + "/release"
            try tree("mine", in: folder, word: "mine")
            try tree("other", in: folder, word: "other")
            try Files.write(
                folder + "/release.yaml",
                definition(
                    unit: "variants: { \(Self.other): ./other, \(Self.own): ./mine, nosystem-\(Self.own): ./other }"))
            try await fleet.done("release", "submit", folder)
            let release = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            #expect(release.units.map { $0.variant?.description } == [Self.other, Self.own, "nosystem-\(Self.own)"])
            try await rollOut(fleet)
            try await fleet.everyHostRuns("1.0")
            #expect(try Files.read(agent.root + "/opt/web-service/WORD") == "mine")
            let other = try #require(release.units.first { $0.variant?.description == Self.other })
            #expect(fleet.requests(of: other.payload.hex) == 0)
        }

        @Test("A host fetches the signed values of its own environment and no others; promotion adds none")
        func values() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            let folder = fleet.folder + "/release"
            try tree("service", in: folder, word: "same")
            for environment in ["staging", "production"] {
                try Files.write("\(folder)/values/\(environment).yaml", "marker: only-in-\(environment)\n")
            }
            try Files.write(
                folder + "/release.yaml",
                definition(
                    unit: "source: ./service",
                    rest: "values: { staging: values/staging.yaml, production: values/production.yaml }"))
            try await fleet.done("release", "submit", folder)
            let (staging, production) = (
                try blob(of: fleet, with: "only-in-staging"), try blob(of: fleet, with: "only-in-production")
            )
            _ = try await fleet.addAgent(.pull(url))
            try await rollOut(fleet)
            try await fleet.everyHostRuns("1.0")
            #expect(fleet.requests(of: staging) == 1 && fleet.requests(of: production) == 0)
            try await fleet.done("release", "promote", "web-service@1.0", "--to", "production")
            _ = try await fleet.addAgent(.pull(url, channel: "production.web-service"), environment: "production")
            try await rollOut(fleet, environment: "production")
            try await fleet.everyHostRuns("1.0")
            #expect(fleet.requests(of: staging) == 1 && fleet.requests(of: production) == 1)
        }

        @Test(
            "A .tar.gz with release.yaml in it, submitted, is what the folder is; the same file again changes nothing")
        func tarball() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent()
            let folder = fleet.folder + "/release"
            try tree("service", in: folder, word: "from a tarball")
            try Files.write(folder + "/release.yaml", definition(unit: "source: ./service"))
            let archive = fleet.folder + "/web-service-1.0.tar.gz"
            let packed = try await ChildProcess.run("tar", ["-C", folder, "-czf", archive, "."], folder: fleet.folder)
            #expect(packed.status == 0, "\(packed.errors)")
            try await fleet.done("release", "submit", archive)
            let again = try await fleet.slipway("release", "submit", archive)
            #expect(again.status == 0 && again.errors.contains("it stays as it is"), "\(again.errors)")
            try await rollOut(fleet)
            try await fleet.everyHostRuns("1.0")
            #expect(try Files.read(agent.root + "/opt/web-service/WORD") == "from a tarball")
        }

        @Test("A .deb, submitted with a definition, is installed, recorded and has its bill of materials")
        func deb() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent()
            let folder = fleet.folder + "/deb"
            try tree("opt/service", in: folder, word: "from a deb")
            try Files.write(
                folder + "/DEBIAN/control",
                "Package: web-service\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n"
            )
            let archive = fleet.folder + "/web-service_1.0_all.deb"
            let packed = try await ChildProcess.run(
                "dpkg-deb", ["--root-owner-group", "-b", folder, archive], folder: fleet.folder)
            #expect(packed.status == 0, "\(packed.errors)")
            let bare = try await fleet.slipway("release", "submit", archive)
            #expect(bare.status == 1 && bare.errors.contains("command.release.definition"), "\(bare.errors)")
            #expect(bare.errors.contains("--manifest") && !bare.errors.contains("slipway-work-"), "\(bare.errors)")
            let manifest = fleet.folder + "/web-service.yaml"
            try Files.write(manifest, definition(unit: "source: ./opt/nothing"))
            let wrong = try await fleet.slipway("release", "submit", archive, "--manifest", manifest)
            #expect(wrong.status == 1 && wrong.errors.contains("web-service_1.0_all.deb"), "\(wrong.errors)")
            #expect(!wrong.errors.contains("/work/") && !wrong.errors.contains("slipway-work-"), "\(wrong.errors)")
            try Files.write(manifest, definition(unit: "source: ./opt/service"))
            try await fleet.done("release", "submit", archive, "--manifest", manifest)
            #expect(try await fleet.slipway("release", "submit", archive, "--manifest", manifest).status == 0)
            try await rollOut(fleet)
            try await fleet.everyHostRuns("1.0")
            #expect(try Files.read(agent.root + "/opt/web-service/WORD") == "from a deb")
            #expect(
                try Files.read(fleet.controllerFolder + "/repository/blobs/" + blob(of: fleet, with: "SPDX-2.3"))
                    .contains("pkg:deb/debian/web-service@1.0"))
        }

        @Test("What is neither folder nor archive is refused by name, and leaves nothing in the temporary folder")
        func refused() async throws {
            let fleet = try await Fleet()
            try Files.write(fleet.folder + "/thing.zip", "PK")
            try Files.write(fleet.folder + "/false.deb", "no ar at all, but long enough to be looked at")
            try Files.makeFolder(fleet.folder + "/tmp")
            for (name, code) in [
                ("thing.zip", "command.release.source"), ("false.deb", "foreignArchives."),
                ("nothing.deb", "effects.file.absent"), ("nothing", "effects.file.absent"),
            ] {
                let result = try await ChildProcess.run(
                    Files.programs + "/slipway",
                    ["release", "submit", "\(fleet.folder)/\(name)", "--dir", fleet.controllerFolder],
                    environment: ["TMPDIR": fleet.folder + "/tmp"], folder: fleet.folder)
                #expect(result.status != 0 && result.errors.contains("error: \(code)"), "\(name): \(result.errors)")
                #expect(result.errors.contains(name) && !result.errors.contains("slipway-work-"), "\(result.errors)")
            }
            #expect(Files.list(fleet.folder + "/tmp").isEmpty)
        }
    }
}
