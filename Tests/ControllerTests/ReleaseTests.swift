import AgentProtocol
import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Synchronization
import Testing

@testable import ControllerLibrary

@Suite("Releases and the repository")
struct ReleaseTests {
    private func admin<Value>(
        _ body: (TestController, TestController.Running, TestClient) async throws -> Value
    ) async throws -> Value {
        let test = try TestController()
        return try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let value = try await body(test, running, client)
            await client.close()
            return value
        }
    }

    @Test("A folder becomes a published release; the same version with other bytes is refused; promotion adds no bytes")
    func submission() async throws {
        try await admin { _, running, client in
            let response = try await TestFleet.submit("1.0", by: client)
            #expect(response.status == 201)
            let release = try response.json(ReleaseView.self)
            #expect(release.units.map(\.files) == [1])
            #expect(release.environments.map(\.environment.text) == ["staging"])
            let before = try running.controller.publisher.blobs.digests().sorted()
            let same = try await TestFleet.submit("1.0", by: client)
            #expect(same.status == 200)
            #expect(try same.json(ReleaseView.self) == release)
            let again = try await TestFleet.submit("1.0", content: "y", by: client)
            #expect(try running.controller.publisher.blobs.digests().sorted() == before)
            #expect(again.status == 409)
            #expect(again.problemCode == "controller.conflict.releaseExists")
            let blobs = try running.controller.publisher.blobs.digests().sorted()
            let body = PromotionRequest(environment: try EnvironmentName("production"))
            let promoted = try await client.post("/v1/releases/web/1.0/promote", body)
            #expect(promoted.status == 200)
            let view = try promoted.json(ReleaseView.self)
            #expect(view.environments.map(\.environment.text) == ["staging", "production"])
            #expect(view.manifest == release.manifest)
            #expect(try running.controller.publisher.blobs.digests().sorted() == blobs)
        }
    }

    /// The machine's clock, set wrong by as much as the test says.
    private final class WrongTime: TimeDoor {
        private let real = SystemTime()
        private let span = Mutex(TimeSpan.zero)
        func set(_ span: TimeSpan) { self.span.withLock { $0 = span } }
        func now() -> UTCInstant { real.now() + span.withLock { $0 } }
        func monotonic() -> TimeSpan { real.monotonic() }
        func sleep(for span: TimeSpan) async throws { try await real.sleep(for: span) }
    }

    @Test("The same folder again is a quiet success at any hour, also beside newer releases and after a restart")
    func resubmission() async throws {
        let time = WrongTime()
        let test = try TestController(time: time)
        func submit(_ version: String, _ running: TestController.Running) async throws -> (Int, ReleaseView) {
            let client = try TestClient(test, running, token: test.adminToken)
            let response = try await TestFleet.submit(version, by: client)
            await client.close()
            return (response.status, try response.json(ReleaseView.self))
        }
        let first = try await test.run { running in
            let first = try await submit("1.0", running)
            // The second is built upon the first: its unchanged files keep the first one's dates.
            time.set(.days(2))
            let second = try await submit("1.1", running)
            time.set(.days(5))
            let again = [try await submit("1.0", running), try await submit("1.1", running)]
            #expect([first.0, second.0] == [201, 201] && again.map(\.0) == [200, 200])
            #expect(again.map(\.1.manifest) == [first.1.manifest, second.1.manifest])
            #expect(try running.controller.folder.directory.list(ControllerDirectory.workName).isEmpty)
            return first.1
        }
        try await test.run { running in
            // Earlier than the first time.
            time.set(.hours(-3))
            let again = try await submit("1.0", running)
            #expect(again.0 == 200 && again.1.manifest == first.manifest)
        }
    }

    @Test("What is no release is refused with every problem, and leaves nothing behind")
    func badSubmissions() async throws {
        try await admin { _, running, client in
            let tar = [HTTPField("Content-Type", ReleaseSubmissionType.sourceArchive.rawValue)]
            let path = "/v1/releases?environment=staging"
            #expect(try await client.send("POST", path, bytes: [1]).status == 415)
            #expect(try await client.send("POST", path, headers: tar, bytes: [1, 2, 3]).status == 422)
            #expect(try await client.send("POST", "/v1/releases", headers: tar, bytes: [1]).status == 400)
            let folder = try TemporaryFolder()
            let directory = try Directory.open(folder.path)
            try directory.writeDurably("x", [1])
            let empty = try await client.send(
                "POST", path, headers: tar, bytes: SourceArchive.bytes(of: directory))
            #expect(empty.problemCode == "controller.request.definitionMissing")
            try directory.writeDurably("release.yaml", Array("product: UPPER\ncolour: red\n".utf8))
            let bad = try await client.send("POST", path, headers: tar, bytes: SourceArchive.bytes(of: directory))
            #expect(bad.status == 422)
            #expect(bad.problemCode == "definitionFiles.invalid")
            #expect(String(decoding: bad.body, as: UTF8.self).contains("colour"))
            #expect(try running.controller.folder.directory.list(ControllerDirectory.workName).isEmpty)
            #expect(try await client.send("GET", "/v1/releases").json(ListView<ReleaseView>.self).items.isEmpty)
        }
    }

    @Test("An archive that cannot be taken is the sender's fault, in words for the sender")
    func badArchives() async throws {
        try await admin { _, _, client in
            func send(
                _ type: ReleaseSubmissionType, _ make: (Directory, String) throws -> Void
            ) async throws -> HTTPResponse {
                let folder = try TemporaryFolder()
                let directory = try Directory.open(folder.path)
                try make(directory, folder.path)
                return try await client.send(
                    "POST", "/v1/releases?environment=staging", headers: [HTTPField("Content-Type", type.rawValue)],
                    bytes: SourceArchive.bytes(of: directory))
            }
            let definition = Array("product: web\nversion: \"1.0\"\n".utf8)
            let damaged = try await send(.foreignArchive) { folder, _ in
                try folder.writeDurably("release.yaml", definition)
                try folder.createDirectory("archive").writeDurably("x.tar.gz", Array("zz".utf8))
            }
            #expect(damaged.status == 422)
            #expect(damaged.problemCode == "foreignArchives.damaged")
            #expect(String(decoding: damaged.body, as: UTF8.self).contains("x.tar.gz"))
            let none = try await send(.foreignArchive) { folder, _ in
                try folder.writeDurably("release.yaml", definition)
            }
            #expect(none.status == 400 && none.problemCode == "controller.request.archive")
            let isFile = try await send(.foreignArchive) { folder, _ in try folder.writeDurably("archive", definition) }
            #expect(isFile.status == 422 && isFile.problemCode == "packaging.source.file")
            let isFolder = try await send(.sourceArchive) { folder, _ in
                _ = try folder.createDirectory("release.yaml")
            }
            #expect(isFolder.status == 422 && isFolder.problemCode == "packaging.source.file")
            let isLink = try await send(.sourceArchive) { folder, path in
                try folder.writeDurably("other", definition)
                try #require(symlink("other", path + "/release.yaml") == 0)
            }
            #expect(isLink.status == 422 && isLink.problemCode == "packaging.source.file")
        }
    }

    @Test("Files of the repository have validators, ranges and the right lifetime; nothing else is served")
    func files() async throws {
        try await admin { _, _, client in
            let release = try await TestFleet.submit("1.0", by: client).json(ReleaseView.self)
            let unit = try #require(release.units.first)
            let path = "/repository/blobs/\(unit.payload)"
            let whole = try await client.send("GET", path)
            #expect(whole.status == 200)
            #expect(SHA256Digest(of: whole.body) == unit.payload)
            #expect(whole.head["cache-control"]?.contains("immutable") == true)
            let tag = try #require(whole.head["etag"])
            let unchanged = try await client.send("GET", path, headers: [HTTPField("If-None-Match", tag)])
            #expect(unchanged.status == 304)
            let part = try await client.send("GET", path, headers: [HTTPField("Range", "bytes=2-5")])
            #expect(part.status == 206)
            #expect(part.body == Array(whole.body[2...5]))
            #expect(part.head["content-range"] == "bytes 2-5/\(whole.body.count)")
            let other = [HTTPField("Range", "bytes=2-5"), HTTPField("If-Range", "\"other\"")]
            #expect(try await client.send("GET", path, headers: other).status == 200)
            #expect(try await client.send("GET", path, headers: [HTTPField("Range", "bytes=999999-")]).status == 416)
            let timestamp = try await client.send("GET", "/repository/metadata/timestamp.json")
            #expect(timestamp.head["cache-control"] == "max-age=30")
            for name in [
                "", "nothing", "blobs", "..%2fadmin.token", "../admin.token", "blobs/..%2f..%2fadmin.token",
                "%2e%2e/admin.token", "blobs/%00", ".lock",
            ] {
                let status = try await client.send("GET", "/repository/" + name).status
                #expect(status == 404, "\(name)")
            }
        }
    }

    @Test("A revoked release may not be promoted or rolled out in that environment, and says who revoked it")
    func revocation() async throws {
        try await admin { _, _, client in
            _ = try await TestFleet.submit("1.0", by: client)
            let staging = try EnvironmentName("staging")
            let none = RevocationRequest(environment: staging, reason: "")
            #expect(try await client.post("/v1/releases/web/1.0/revoke", none).status == 400)
            let request = RevocationRequest(environment: staging, reason: "wrong")
            let view = try await client.post("/v1/releases/web/1.0/revoke", request).json(ReleaseView.self)
            #expect(view.environments.first?.revocation?.by == "person:admin")
            let rollout = try await client.startRollout(TestFleet.definition("1.0"))
            #expect(rollout.problemCode == "controller.conflict.revoked")
        }
    }
}
