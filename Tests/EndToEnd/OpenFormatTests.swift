import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// What Slipway publishes opens with other people's tools.
    @Suite(.serialized) struct OpenFormats {
        @Test("tar lists a payload, and gzip finds it whole")
        func tarLists() async throws {
            let fleet = try await Fleet()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let release = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            let payload = try #require(release.units.first?.payload.hex)
            let path = "\(fleet.controllerFolder)/repository/blobs/\(payload)"
            let list = try await ChildProcess.run("/bin/tar", ["tzf", path], folder: fleet.folder)
            #expect(list.status == 0, "\(list.errors)")
            let names = list.output.split(separator: "\n").map { $0.hasPrefix("./") ? $0.dropFirst(2) : $0 }
            for name in ["VERSION", "bin/serve", "site/index.html"] { #expect(names.contains(name[...]), "\(names)") }
            let test = try await ChildProcess.run("/bin/gzip", ["--test", "--stdout", path], folder: fleet.folder)
            #expect(test.status == 0, "\(test.errors)")
        }

        static let python = getenv("SLIPWAY_TEST_PYTHON").map { String(cString: $0) }
        static let script = Files.root + "/Tests/Interop/tuf_fetch.py"

        @Test(
            "python-tuf's ngclient fetches a manifest from our published repository",
            .enabled(if: python != nil, "scripts/test installs python-tuf"))
        func pythonTUF() async throws {
            let fleet = try await Fleet()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let published = fleet.folder + "/published"
            try await fleet.done("repository", "publish", published)
            let url = try await fleet.startWebServer(serving: published)
            let work = fleet.folder + "/tuf"
            try Files.makeFolder(work)
            let result = try await ChildProcess.run(
                try #require(Self.python),
                [
                    Self.script, "--base-url", url, "--root", published + "/metadata/1.root.json", "--target",
                    "staging/web-service/1.0/manifest.json", "--work", work,
                ], folder: fleet.folder)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let release = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            #expect(result.output.contains(release.manifest.hex), "\(result.output)")
        }
    }
}
