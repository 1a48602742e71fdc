import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("The repository's writer")
struct WriterTests {
    @Test("A new repository is four files, and each step publishes only what it wrote, timestamp last")
    func files() throws {
        let keys = TestKeys.solo
        let now = TestRepository.start
        let created = try RepositoryWriter.create(keys: keys, at: now)
        #expect(created.files.map(\.name) == ["1.root.json", "1.targets.json", "1.snapshot.json", "timestamp.json"])
        let added = try RepositoryWriter.addProduct(
            TestRepository.product, environments: [TestRepository.staging], to: created.state, keys: keys, at: now)
        #expect(
            added.files.map(\.name) == [
                "2.targets.json", "1.emergency-web.json", "1.staging-web.json", "2.snapshot.json", "timestamp.json",
            ])
        let again = try RepositoryWriter.addProduct(
            TestRepository.product, environments: [TestRepository.staging], to: added.state, keys: keys, at: now)
        #expect(again.files.isEmpty && again.state == added.state)
        #expect(added.state.environments(of: TestRepository.product) == [TestRepository.staging])
    }

    @Test("The state's files are all that a client needs, whatever was published before")
    func allFiles() throws {
        var repository = try TestRepository()
        repository.served = [:]
        for file in repository.state.files { repository.served[file.name] = file.bytes }
        var host = try TestHost(of: repository)
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(repository.state.files.last?.name == "timestamp.json")
    }

    @Test("The state survives being stored, to the byte")
    func stored() throws {
        let state = try TestRepository().state
        let bytes = try JSONCoding.canonicalBytes(of: state)
        let read = try JSONCoding.decode(RepositoryState.self, from: bytes)
        #expect(read == state && read.files == state.files)
    }

    @Test("Delegations follow the design: terminating, own paths, own keys, and the expiries of its table")
    func form() throws {
        let state = try TestRepository().state
        let roles = try #require(state.targets["signed"]?["delegations"]?["roles"]?.arrayValue)
        #expect(roles.map { $0["name"]?.stringValue } == ["emergency-web", "staging-web", "production-web"])
        #expect(
            roles.map { $0["paths"]?.arrayValue?.compactMap(\.stringValue) } == [
                ["emergency/web/*/*"], ["staging/web/*/*"], ["production/web/*/*"],
            ])
        #expect(roles.allSatisfy { $0["terminating"]?.boolValue == true })
        let expiries: [(JSONValue, Int64)] = [
            (state.root, 365), (state.targets, 365), (state.snapshot, 7), (state.timestamp, 1),
            (state.roles["staging-web"] ?? .null, 90), (state.roles["emergency-web"] ?? .null, 365),
        ]
        for (file, days) in expiries {
            #expect(file["signed"]?["expires"]?.stringValue == (TestRepository.start + .days(days)).description)
        }
        let director = state.targets["signed"]?["x-slipway"]?["director"]
        #expect(director?["keys"]?[TestKeys.key("director").publicKey.keyID] == TestKeys.key("director").publicKey.json)
    }

    @Test("What is signed uses only printable ASCII")
    func ascii() throws {
        for file in try TestRepository().state.files {
            #expect(file.bytes.allSatisfy { (0x20...0x7E).contains($0) })
        }
    }

    @Test("Approving the same bytes again changes nothing; other bytes under the same version are refused")
    func conflict() throws {
        let repository = try TestRepository()
        let place = ApprovalPlace.environment(TestRepository.staging)
        let again = try RepositoryWriter.approve(
            TestRepository.release("1.0"), manifest: TestRepository.manifest("1.0"), length: ByteCount(19), in: place,
            to: repository.state, keys: repository.keys, at: repository.now)
        #expect(again.files.isEmpty)
        expectRefusal("trust.writer.conflict") {
            try RepositoryWriter.approve(
                TestRepository.release("1.0"), manifest: TestRepository.manifest("6.6"), length: ByteCount(19),
                in: place,
                to: repository.state, keys: repository.keys, at: repository.now)
        }
        #expect(
            repository.state.approvedManifest(of: TestRepository.release("1.0"), in: place)
                == TestRepository.manifest("1.0"))
        #expect(repository.state.approvedManifest(of: TestRepository.release("1.0"), in: .emergency) == nil)
    }

    @Test("Without a role's keys, or for a role that is not there, nothing is written")
    func keys() throws {
        let repository = try TestRepository()
        let place = ApprovalPlace.environment(TestRepository.staging)
        func approve(_ product: String, _ keys: RepositoryKeys) throws -> RepositoryChange {
            try RepositoryWriter.approve(
                ReleaseName(product: try ProductName(product), version: try ReleaseVersion("2.0")),
                manifest: TestRepository.manifest("2.0"), length: ByteCount(1), in: place, to: repository.state,
                keys: keys, at: repository.now)
        }
        expectRefusal("trust.writer.noRole") { try approve("other", repository.keys) }
        for removed in [\RepositoryKeys.approvers, \.snapshot, \.timestamp] {
            var keys = repository.keys
            keys[keyPath: removed] = []
            expectRefusal("trust.writer.keys") { try approve("web", keys) }
            keys[keyPath: removed] = [TestKeys.key("stranger")]
            expectRefusal("trust.writer.keys") { try approve("web", keys) }
        }
        #expect(throws: Never.self) {
            try approve(
                "web",
                RepositoryKeys(
                    approvers: repository.keys.approvers, snapshot: repository.keys.snapshot,
                    timestamp: repository.keys.timestamp))
        }
    }

    @Test("A key serves one purpose only")
    func apart() throws {
        for shared in [\RepositoryKeys.director, \.snapshot, \.timestamp, \.approvers, \.emergency] {
            var keys = TestKeys.solo
            keys[keyPath: shared] = keys.root
            expectRefusal("trust.writer.keyShared") {
                try RepositoryWriter.create(keys: keys, at: TestRepository.start)
            }
        }
        var small = TestKeys.solo
        small.emergency = small.approvers
        #expect(throws: Never.self) { try RepositoryWriter.create(keys: small, at: TestRepository.start) }
    }

    @Test("No environment is called emergency")
    func reserved() throws {
        let repository = try TestRepository()
        expectRefusal("trust.writer.environment") {
            try RepositoryWriter.addProduct(
                TestRepository.product, environments: [EnvironmentName(unchecked: "emergency")], to: repository.state,
                keys: repository.keys, at: repository.now)
        }
    }

    @Test("Renewal writes a timestamp; snapshot and roles follow past half their life; hosts go on without a word")
    func renewal() throws {
        var repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        #expect(RepositoryWriter.renewalDueAt(repository.state) == TestRepository.start + .hours(12))
        let online = RepositoryKeys(snapshot: repository.keys.snapshot, timestamp: repository.keys.timestamp)
        func names(at now: UTCInstant, _ keys: RepositoryKeys) throws -> [String] {
            repository.now = now
            let change = try RepositoryWriter.renew(repository.state, keys: keys, at: now)
            repository.apply(change)
            try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
            return change.files.map(\.name)
        }
        let start = TestRepository.start
        #expect(try names(at: start + .hours(13), online) == ["timestamp.json"])
        #expect(try names(at: start + .days(4), online) == ["4.snapshot.json", "timestamp.json"])
        #expect(
            try names(at: start + .days(50), repository.keys) == [
                "2.production-web.json", "3.staging-web.json", "5.snapshot.json", "timestamp.json",
            ])
        #expect(
            try names(at: start + .days(200), repository.keys) == [
                "2.root.json", "3.targets.json", "2.emergency-web.json", "3.production-web.json", "4.staging-web.json",
                "6.snapshot.json", "timestamp.json",
            ])
        #expect(try names(at: start + .days(200), online) == ["timestamp.json"])
    }

    @Test("Ten releases in a row, each seen by a host")
    func history() throws {
        var repository = try TestRepository()
        var host = try TestHost(of: repository)
        for patch in 1...10 {
            repository.now = repository.now + .hours(20)
            try repository.approve("1.0.\(patch)")
            try repository.approve("1.0.\(patch)", in: .environment(TestRepository.production))
            try host.refresh(from: repository, targets: [TestRepository.path("1.0.\(patch)")])
                .requireTargets([TestRepository.path("1.0.\(patch)")])
        }
    }
}
