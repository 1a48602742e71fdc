import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Attack: the chain of roots")
struct RootChainTests {
    /// Root 2 names a new root key; root 1 is the pinned one.
    private func rotated(signers: [SigningKey], _ edit: (inout JSONValue) -> Void = { _ in }) throws -> TestRepository {
        var repository = try TestRepository()
        let key = TestKeys.key("root-2").publicKey
        repository.served["2.root.json"] = try Forgery.edit(
            try #require(repository.served["1.root.json"]), by: signers
        ) { signed in
            signed.set("version", .integer(2))
            signed.edit("keys") { $0.set(key.keyID, key.json) }
            signed.edit("roles", "root", "keyids") { $0 = .array([.string(key.keyID)]) }
            edit(&signed)
        }
        return repository
    }

    private let old = TestKeys.key("root")
    private let new = TestKeys.key("root-2")

    @Test("A new root needs the old threshold and its own")
    func bothThresholds() throws {
        let honest = try rotated(signers: [old, new])
        for signers in [[old], [new], [], [TestKeys.key("stranger")]] {
            var host = try TestHost(of: honest)
            try host.expectRefusal(
                "trust.root.signatures", from: try rotated(signers: signers), keeping: "root", then: honest)
        }
        var host = try TestHost(of: honest)
        #expect(try host.refresh(from: honest).rootVersion == 2)
    }

    @Test("The next root has exactly the next version", arguments: [1, 3, 1_000_000])
    func version(found: Int64) throws {
        let attack = try rotated(signers: [old, new]) { $0.set("version", .integer(found)) }
        let honest = try rotated(signers: [old, new])
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.root.version", from: attack, keeping: "root", then: honest)
    }

    @Test("An expired root in between is only a step; an expired last one ends the update after it was stored")
    func expiredBetween() throws {
        var repository = try rotated(signers: [old, new]) { $0.set("expires", .string("2026-11-19T00:00:00Z")) }
        var host = try TestHost(of: repository)
        expectRefusal("trust.root.expired") { try host.refresh(from: repository) }
        #expect(host.stored["root.json"] == repository.served["2.root.json"])
        #expect(host.asked == ["2.root.json", "3.root.json"])

        repository.served["3.root.json"] = try Forgery.edit(
            try #require(repository.served["2.root.json"]), by: [new]
        ) { signed in
            signed.set("version", .integer(3))
            signed.set("expires", .string("2027-11-19T00:00:00Z"))
        }
        #expect(try host.refresh(from: repository).rootVersion == 3)
    }

    @Test("Targets keys that a new root no longer names end what they signed")
    func targetsKey() throws {
        var repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let key = TestKeys.key("targets-2")
        repository.served["2.root.json"] = try Forgery.edit(
            try #require(repository.served["1.root.json"]), by: repository.keys.root
        ) { signed in
            signed.set("version", .integer(2))
            signed.edit("keys") { $0.set(key.publicKey.keyID, key.publicKey.json) }
            signed.edit("roles", "targets", "keyids") { $0 = .array([.string(key.publicKey.keyID)]) }
        }
        expectRefusal("trust.targets.signatures") { try host.refresh(from: repository) }
        // Offline the director's word is no longer heard either: his keys stand in a file that nobody vouches for.
        let trusted = try MetadataRefresh(stored: host.stored, at: repository.now).trusted
        expectRefusal("trust.order") {
            try trusted.verify(
                assignment: .null, for: TestHost.id, environment: TestRepository.staging, at: repository.now)
        }
    }

    @Test("A stored root that is absent or damaged ends everything, and says to enrol again")
    func storedRoot() throws {
        let repository = try TestRepository()
        let now = repository.now
        expectRefusal("trust.root.missing") { try MetadataRefresh(stored: [:], at: now) }
        let root = try #require(repository.served["1.root.json"])
        let changed = try Forgery.edit(root, by: nil) { $0.set("version", .integer(9)) }
        expectRefusal("trust.root.signatures") { try MetadataRefresh(stored: ["root.json": changed], at: now) }
        let cut = Array(root.dropLast(9))
        expectRefusal("trust.root.form") { try MetadataRefresh(stored: ["root.json": cut], at: now) }
    }

    @Test("A root with the last number of all is refused, not added to")
    func lastVersion() throws {
        let repository = try TestRepository()
        let root = try Forgery.edit(
            try #require(repository.served["1.root.json"]), by: repository.keys.root
        ) { $0.set("version", .integer(.max)) }
        expectRefusal("trust.root.form") { try MetadataRefresh(stored: ["root.json": root], at: repository.now) }
    }

    @Test("A walk over roots ends after 256 steps")
    func endless() throws {
        var repository = try TestRepository()
        let first = try #require(repository.served["1.root.json"])
        for version in 2...Int64(TrustLimits.rootStepsMax + 3) {
            repository.served["\(version).root.json"] = try Forgery.edit(first, by: repository.keys.root) {
                $0.set("version", .integer(version))
            }
        }
        var host = try TestHost(of: repository)
        #expect(try host.refresh(from: repository).rootVersion == Int64(TrustLimits.rootStepsMax) + 1)
    }
}
