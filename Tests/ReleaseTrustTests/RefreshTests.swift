import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Refreshing")
struct RefreshTests {
    @Test("Files are asked for from root down, each once, and stored as the exact bytes")
    func order() throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(
            host.asked == [
                "2.root.json", "timestamp.json", "3.snapshot.json", "2.targets.json", "2.staging-web.json",
            ])
        #expect(
            host.stored == [
                "root.json": repository.served["1.root.json"], "timestamp.json": repository.timestamp,
                "snapshot.json": repository.served["3.snapshot.json"],
                "targets.json": repository.served["2.targets.json"],
                "staging-web.json": repository.served["2.staging-web.json"],
            ])
    }

    @Test("When nothing is new, two requests are made")
    func nothingNew() throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let before = host.stored
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(host.asked == ["2.root.json", "timestamp.json"])
        #expect(host.stored == before)
    }

    @Test("Only what changed is fetched again")
    func changed() throws {
        var repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        try repository.approve("1.1")
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(host.asked == ["2.root.json", "timestamp.json", "4.snapshot.json", "3.staging-web.json"])
    }

    @Test("An agent loads only the roles of what it was assigned")
    func ownRoles() throws {
        var repository = try TestRepository()
        let other = try ProductName("db")
        repository.apply(
            try RepositoryWriter.addProduct(
                other, environments: [TestRepository.staging], to: repository.state, keys: repository.keys,
                at: repository.now))
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        #expect(!host.asked.contains { $0.contains("db") || $0.contains("production") || $0.contains("emergency") })
    }

    @Test("A target can be wanted after the refresh; its role alone is then asked for")
    func wantLater() throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository, targets: [])
        var refresh = try MetadataRefresh(stored: host.stored, at: repository.now)
        for name in ["2.root.json", "timestamp.json"] {
            #expect(refresh.nextRequest?.fileName == name)
            if let bytes = repository.served[name] {
                _ = try refresh.receive(bytes)
            } else {
                try refresh.receiveAbsent()
            }
        }
        #expect(refresh.nextRequest == nil)
        refresh.want(target: TestRepository.path("1.0"))
        let request = try #require(refresh.nextRequest)
        let role = try #require(repository.served["2.staging-web.json"])
        #expect(request.fileName == "2.staging-web.json" && request.lengthMax == ByteCount(role.count))
        #expect(!request.mayBeAbsent)
        #expect(try refresh.receive(role) == [.write(name: "staging-web.json", bytes: role)])
        #expect(refresh.nextRequest == nil)
        #expect(try refresh.trusted.target(TestRepository.path("1.0")) != nil)
    }

    @Test("Requests are bounded by what is known of the file, and by the caps")
    func lengths() throws {
        let repository = try TestRepository()
        let host = try TestHost(of: repository)
        var refresh = try MetadataRefresh(stored: host.stored, at: repository.now)
        #expect(refresh.nextRequest?.lengthMax == ByteCount(512_000))
        #expect(refresh.nextRequest?.mayBeAbsent == true)
        try refresh.receiveAbsent()
        #expect(refresh.nextRequest?.lengthMax == ByteCount(16_384))
        expectRefusal("trust.order") { try refresh.receiveAbsent() }
        _ = try refresh.receive(repository.timestamp)
        let snapshot = try #require(repository.served["3.snapshot.json"])
        #expect(refresh.nextRequest?.lengthMax == ByteCount(snapshot.count))
    }

    @Test(
        "Stored files that were damaged or swapped heal by the network",
        arguments: ["timestamp", "snapshot", "targets", "staging-web"])
    func damagedStore(role: String) throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let honest = host.stored
        for damage in ["", "{", "{}", String(decoding: honest["root.json"] ?? [], as: UTF8.self)] {
            host.stored["\(role).json"] = Array(damage.utf8)
            try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
            #expect(host.stored == honest)
        }
        var cut = try #require(honest["\(role).json"])
        cut.removeLast(3)
        host.stored["\(role).json"] = cut
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(host.stored == honest)
    }

    @Test(
        "A stored file that nobody vouches for cannot hold back the repository", arguments: ["timestamp", "snapshot"])
    func foreignStore(role: String) throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let honest = host.stored
        host.stored["\(role).json"] = try Forgery.edit(
            try #require(honest["\(role).json"]), by: [TestKeys.key("stranger")]
        ) { signed in
            signed.set("version", .integer(1_000_000))
            signed.edit("meta", "targets.json", "version") { $0 = .integer(1_000_000) }
        }
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(host.stored == honest)
    }

    @Test("A stored snapshot of the right version and other bytes is fetched again")
    func otherSnapshot() throws {
        let honest = try TestRepository()
        var attack = honest
        try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { $0.set("x", .null) }
        var host = try TestHost(of: honest)
        try host.refresh(from: attack)
        var renewed = honest
        renewed.apply(try RepositoryWriter.renewOnline(renewed))
        try host.refresh(from: renewed).requireTargets([TestRepository.path("1.0")])
        #expect(host.asked == ["2.root.json", "timestamp.json", "3.snapshot.json"])
        #expect(host.stored["snapshot.json"] == honest.served["3.snapshot.json"])
    }

    @Test("A kill between any two writes is healed by the next refresh")
    func killed() throws {
        var repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let before = host.stored
        try repository.rewrite { draft in
            let key = TestKeys.key("timestamp-2").publicKey
            try draft.writeRoot { signed in signed.edit("keys") { $0.set(key.keyID, key.json) } }
            try draft.writeTargets()
            try draft.writeRole("staging-web")
        }
        try host.refresh(from: repository)
        let after = host.stored
        let names = ["root.json", "timestamp.json", "snapshot.json", "targets.json", "staging-web.json"]
        for written in 0...names.count {
            var killed = host
            killed.stored = before.merging(names.prefix(written).map { ($0, after[$0] ?? []) }) { $1 }
            try killed.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
            #expect(killed.stored == after)
        }
    }

    @Test("A repository without consistent snapshots is read by its plain names")
    func plainNames() throws {
        var repository = try TestRepository()
        repository.served["1.root.json"] = try Forgery.edit(
            try #require(repository.served["1.root.json"]), by: repository.keys.root
        ) { $0.set("consistent_snapshot", .bool(false)) }
        for role in ["snapshot", "targets", "staging-web"] {
            repository.served["\(role).json"] = repository.served[repository.fileName(of: role)]
        }
        var host = try TestHost(of: repository)
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
        #expect(host.asked == ["2.root.json", "timestamp.json", "snapshot.json", "targets.json", "staging-web.json"])
    }
}
