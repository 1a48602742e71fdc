import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Attack: rollback, freeze, mix and match, fast forward")
struct RollbackTests {
    /// A host that saw a renewed repository, and the repository as it was before.
    private func hostAhead() throws -> (host: TestHost, old: TestRepository, new: TestRepository) {
        let old = try TestRepository()
        var new = old
        new.now = old.now + .hours(1)
        try new.approve("1.1")
        var host = try TestHost(of: new)
        try host.refresh(from: new)
        return (host, old, new)
    }

    @Test("An older timestamp is refused")
    func timestamp() throws {
        var (host, old, new) = try hostAhead()
        try host.expectRefusal("trust.timestamp.rollback", from: old, keeping: "timestamp", then: new)
    }

    @Test("A newer timestamp that names an older snapshot is refused")
    func timestampOfOldSnapshot() throws {
        var (host, _, new) = try hostAhead()
        var attack = new
        try attack.forge("timestamp", by: attack.keys.timestamp) { signed in
            signed.edit("version") { $0 = .integer(($0.integerValue ?? 0) + 1) }
            signed.edit("meta", "snapshot.json", "version") { $0 = .integer(($0.integerValue ?? 0) - 1) }
        }
        try host.expectRefusal("trust.timestamp.rollback", from: attack, keeping: "timestamp", then: new)
    }

    /// The thief has the online keys and publishes a snapshot with a higher version that names an older role.
    @Test(
        "A snapshot that names an older version of any role is refused",
        arguments: ["staging-web.json", "targets.json"])
    func snapshot(file: String) throws {
        var (host, _, new) = try hostAhead()
        try new.rewrite { try $0.writeTargets() }
        try host.refresh(from: new)
        var attack = new
        try attack.rewrite { _ in }
        try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
            signed.edit("meta", file, "version") { $0 = .integer(($0.integerValue ?? 0) - 1) }
        }
        var honest = attack
        try honest.rewrite { _ in }
        try host.expectRefusal("trust.snapshot.rollback", from: attack, keeping: "snapshot", then: honest)
    }

    @Test("A snapshot from which a role's file vanished is refused")
    func vanished() throws {
        var (host, _, new) = try hostAhead()
        var attack = new
        try attack.rewrite { _ in }
        try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
            signed.edit("meta") { $0.removeMember("production-web.json") }
        }
        var honest = new
        try honest.rewrite { _ in }
        try honest.rewrite { _ in }
        try host.expectRefusal("trust.snapshot.vanished", from: attack, keeping: "snapshot", then: honest)
    }

    @Test("A delegated role with another version than snapshot names is refused")
    func roleVersion() throws {
        let honest = try TestRepository()
        var attack = honest
        let approver = attack.keys.approvers
        let name = attack.fileName(of: "staging-web")
        // Signed by the approver, once, and named with its hash but another version.
        let file = try Forgery.edit(try #require(attack.served[name]), by: approver) { signed in
            signed.set("version", .integer(7))
        }
        attack.served[name] = file
        try attack.forge("snapshot", by: attack.keys.snapshot) { signed in
            signed.edit("meta", "staging-web.json") { meta in
                let version = meta["version"] ?? .null
                meta = Forgery.reference(file)
                meta.set("version", version)
            }
        }
        try attack.nameAgain("snapshot")
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.role.version", from: attack, keeping: "staging-web", then: try honest.healed())
    }

    @Test("A snapshot with another version than timestamp names is refused, though its hash is right")
    func snapshotVersion() throws {
        let honest = try TestRepository()
        var attack = honest
        let file = try #require(attack.served[attack.fileName(of: "snapshot")])
        try attack.forge("timestamp", by: attack.keys.timestamp) { signed in
            signed.edit("meta", "snapshot.json", "version") { $0 = .integer(9) }
        }
        attack.served["9.snapshot.json"] = file
        var healed = honest
        for _ in 0..<9 { try healed.rewrite { _ in } }
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.snapshot.version", from: attack, keeping: "snapshot", then: healed)
    }

    @Test("Files of two states of the repository are not mixed", arguments: ["snapshot", "targets", "staging-web"])
    func mixAndMatch(role: String) throws {
        let (_, old, new) = try hostAhead()
        var newer = new
        try newer.rewrite { draft in
            try draft.writeTargets()
            try draft.writeRole("staging-web")
        }
        var attack = newer
        attack.served[newer.fileName(of: role)] = old.served[old.fileName(of: role)]
        var host = try TestHost(of: newer)
        let code = role == "staging-web" ? "role" : role
        let refused = #expect(throws: TrustError.self) { try host.refresh(from: attack) }
        #expect(["trust.\(code).length", "trust.\(code).hash"].contains(refused?.code), "\(refused as Any)")
        try host.refresh(from: newer).requireTargets([TestRepository.path("1.0")])
    }

    @Test("The same length with other bytes is refused by its hash")
    func hash() throws {
        let honest = try TestRepository()
        var attack = honest
        let name = attack.fileName(of: "targets")
        var bytes = try #require(attack.served[name])
        bytes[bytes.count / 2] ^= 1
        attack.served[name] = bytes
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.targets.hash", from: attack, keeping: "targets", then: honest)
    }

    @Test("An equal timestamp is a quiet stop: nothing is stored, nothing more is asked for")
    func equalTimestamp() throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let before = host.stored
        // Another file of the same version: what is held stays.
        var other = repository
        try other.forge("timestamp", by: other.keys.timestamp) { $0.set("x", .null) }
        try host.refresh(from: other)
        #expect(host.asked == ["2.root.json", "timestamp.json"])
        #expect(host.stored == before)
    }

    @Test(
        "A repository that no longer renews is refused from its expiry on",
        arguments: [
            ("timestamp", 1, "timestamp"), ("snapshot", 7, "snapshot"), ("staging-web", 90, "role"),
            ("root", 365, "root"),
        ])
    func freeze(role: String, days: Int64, word: String) throws {
        var frozen = try TestRepository()
        let expiry = TestRepository.start + .days(days)
        var host = try TestHost(of: frozen)
        // Only the role itself is stale: everything above it is renewed shortly before.
        if role == "staging-web" || role == "snapshot" {
            frozen.now = expiry - .hours(1)
            try frozen.forge("timestamp", by: frozen.keys.timestamp) { signed in
                signed.set("expires", .string((expiry + .days(1)).description))
            }
            if role == "staging-web" { frozen.apply(try RepositoryWriter.renewOnline(frozen)) }
        }
        let lastMoment = expiry - .seconds(1)
        if role != "root" {
            var early = host
            try early.refresh(from: frozen, at: lastMoment).requireTargets([TestRepository.path("1.0")])
        }
        var honest = frozen
        honest.now = expiry
        try honest.renew()
        try host.expectRefusal("trust.\(word).expired", from: frozen, at: expiry, keeping: role, then: honest)
    }

    @Test("Time never runs back within an update")
    func timeForward() throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        let trusted = try host.refresh(from: repository)
        #expect(trusted.judged(at: repository.now - .days(1)).startedAt == repository.now)
    }

    @Test("Rotated online keys end versions that a thief drove up", arguments: ["timestamp", "snapshot"])
    func fastForward(role: String) throws {
        var attack = try TestRepository()
        try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
            signed.edit("meta", "staging-web.json", "version") { $0 = .integer(1_000_000) }
        }
        try attack.forge("timestamp", by: attack.keys.timestamp) { $0.set("version", .integer(1_000_000)) }
        var host = try TestHost(of: attack)
        // The role's file cannot be had, but timestamp and snapshot are stored by now.
        #expect(throws: (any Error).self) { try host.refresh(from: attack) }
        #expect(host.stored["snapshot.json"] != nil)

        var recovered = try TestRepository()
        let honestOnly = recovered
        var stuck = host
        expectRefusal("trust.timestamp.rollback") { try stuck.refresh(from: honestOnly) }

        let key = TestKeys.key("\(role)-new")
        if role == "timestamp" { recovered.keys.timestamp = [key] } else { recovered.keys.snapshot = [key] }
        try recovered.rewrite { draft in
            try draft.writeRoot { signed in
                signed.edit("keys") { $0.set(key.publicKey.keyID, key.publicKey.json) }
                signed.edit("roles", role) { $0.set("keyids", .array([.string(key.publicKey.keyID)])) }
            }
        }
        try host.refresh(from: recovered).requireTargets([TestRepository.path("1.0")])
    }

    @Test("The store forgets timestamp and snapshot before it learns of the root that rotated their keys")
    func removedFirst() throws {
        var repository = try TestRepository()
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let key = TestKeys.key("timestamp-new")
        repository.keys.timestamp = [key]
        try repository.rewrite { draft in
            try draft.writeRoot { signed in
                signed.edit("keys") { $0.set(key.publicKey.keyID, key.publicKey.json) }
                signed.edit("roles", "timestamp") { $0.set("keyids", .array([.string(key.publicKey.keyID)])) }
            }
        }
        let root = try #require(repository.served["2.root.json"])
        var refresh = try MetadataRefresh(stored: host.stored, at: repository.now)
        #expect(
            try refresh.receive(root) == [
                .remove(name: "timestamp.json"), .remove(name: "snapshot.json"),
                .write(name: "root.json", bytes: root),
            ])
    }

    @Test("A key that was only added leaves the protection against rollback in place")
    func addedKey() throws {
        var (host, _, new) = try hostAhead()
        var attack = try TestRepository()
        let key = TestKeys.key("timestamp-2").publicKey
        let addKey: (inout RepositoryDraft) throws -> Void = { draft in
            try draft.writeRoot { signed in
                signed.edit("keys") { $0.set(key.keyID, key.json) }
                signed.edit("roles", "timestamp", "keyids") {
                    $0 = .array(($0.arrayValue ?? []) + [.string(key.keyID)])
                }
            }
        }
        let before = attack.timestamp
        try attack.rewrite(addKey)
        attack.timestamp = before
        try new.rewrite(addKey)
        try host.expectRefusal("trust.timestamp.rollback", from: attack, keeping: "timestamp", then: new)
    }
}

extension RepositoryWriter {
    /// Renews as a controller without the offline keys does.
    static func renewOnline(_ repository: TestRepository) throws -> RepositoryChange {
        try renew(
            repository.state,
            keys: RepositoryKeys(snapshot: repository.keys.snapshot, timestamp: repository.keys.timestamp),
            at: repository.now)
    }
}
