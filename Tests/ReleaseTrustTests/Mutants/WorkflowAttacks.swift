import ReleaseDefinition
import Testing

@testable import ReleaseTrust

extension Attack {
    static let workflow: [Attack] = [
        Attack(.rootSignedByOld, "a root of a thief's own", "trust.root.signatures") {
            try meets(try thiefsRoot(signers: [TestKeys.key("thief")]))
        },
        Attack(.rootSignedBySelf, "a root that its own keys did not sign", "trust.root.signatures") {
            try meets(try thiefsRoot(signers: [TestKeys.key("root")]))
        },
        Attack(.rootIsNext, "a root that leaves out a version", "trust.root.version") {
            try meets(try withRoot { $0.set("version", .integer(3)) })
        },
        Attack(.rootUnexpired, "an expired root", "trust.root.expired") {
            var frozen = try TestRepository()
            frozen.now = TestRepository.start + .days(366)
            try frozen.rewrite { draft in
                try draft.writeTargets()
                try draft.writeRole("staging-web")
            }
            try meets(frozen)
        },
        // Here the honest way is what must go well: without the check the host stays stuck.
        Attack(.rotationForgets, "a fast-forward that was healed by new keys", "recovered") { try recovery() },
        Attack(.timestampRollback, "an older timestamp of the same snapshot", "trust.timestamp.rollback") {
            let old = try TestRepository()
            var new = old
            try new.forge("timestamp", by: new.keys.timestamp) { $0.edit("version", by: raise(1)) }
            try meets(new, then: old)
        },
        Attack(.timestampNamesOlder, "a new timestamp that names an older snapshot", "trust.timestamp.rollback") {
            let (old, new) = try twoStates()
            var attack = new
            let snapshot = try #require(old.served[old.fileName(of: "snapshot")])
            try attack.forge("timestamp", by: attack.keys.timestamp) { signed in
                signed.edit("version", by: raise(1))
                signed.edit("meta") { $0.set("snapshot.json", Forgery.reference(snapshot)) }
            }
            try meets(new, then: attack)
        },
        Attack(.timestampUnexpired, "a frozen timestamp", "trust.timestamp.expired") {
            try meets(try TestRepository(), at: TestRepository.start + .days(2))
        },
        Attack(.snapshotAsNamed, "another snapshot than timestamp names", "trust.snapshot.hash") {
            var attack = try TestRepository()
            try attack.forge("snapshot", by: attack.keys.snapshot) { $0.edit("expires", by: shift) }
            try meets(attack)
        },
        Attack(.snapshotVersion, "a snapshot of another version than named", "trust.snapshot.version") {
            var attack = try TestRepository()
            let file = try #require(attack.served[attack.fileName(of: "snapshot")])
            try attack.forge("timestamp", by: attack.keys.timestamp) { signed in
                signed.edit("meta", "snapshot.json", "version") { $0 = .integer(9) }
            }
            attack.served["9.snapshot.json"] = file
            try meets(attack, targets: [])
        },
        Attack(.snapshotNamesOlder, "a snapshot that names an older role", "trust.snapshot.rollback") {
            let (_, new) = try twoStates()
            var attack = new
            try attack.rewrite { _ in }
            try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
                signed.edit("meta", "staging-web.json", "version", by: raise(-1))
            }
            try meets(new, then: attack, targets: [])
        },
        Attack(.snapshotVanished, "a role that vanished from snapshot", "trust.snapshot.vanished") {
            let new = try TestRepository()
            var attack = new
            try attack.rewrite { _ in }
            try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
                signed.edit("meta") { $0.removeMember("production-web.json") }
            }
            try meets(new, then: attack)
        },
        Attack(.snapshotUnexpired, "a frozen snapshot", "trust.snapshot.expired") {
            var frozen = try TestRepository()
            try frozen.forge("timestamp", by: frozen.keys.timestamp) { $0.edit("expires", by: late) }
            try meets(frozen, at: TestRepository.start + .days(8))
        },
        Attack(.targetsAsNamed, "another targets file than snapshot names", "trust.targets.hash") {
            var attack = try TestRepository()
            try attack.forge("targets", by: attack.keys.targets) { $0.edit("expires", by: shift) }
            try meets(attack)
        },
        Attack(.targetsVersion, "a role of another version than named", "trust.role.version") {
            var attack = try TestRepository()
            let name = attack.fileName(of: "staging-web")
            let file = try Forgery.edit(try #require(attack.served[name]), by: attack.keys.approvers) {
                $0.set("version", .integer(7))
            }
            let version = attack.state.roles["staging-web"]?["signed"]?["version"] ?? .null
            attack.served[name] = file
            try attack.forge("snapshot", by: attack.keys.snapshot) { signed in
                signed.edit("meta", "staging-web.json") { meta in
                    meta = Forgery.reference(file)
                    meta.set("version", version)
                }
            }
            try attack.nameAgain("snapshot")
            try meets(attack)
        },
        Attack(.targetsUnexpired, "a role that nobody renews", "trust.role.expired") {
            var frozen = try TestRepository()
            frozen.now = TestRepository.start + .days(91)
            frozen.apply(try RepositoryWriter.renewOnline(frozen))
            try meets(frozen)
        },
        Attack(.directorApart, "a director who also approves", "trust.targets.directorKey") {
            var attack = try TestRepository()
            let shared = TestKeys.key("approver").publicKey
            try attack.forgeThrough("targets", by: attack.keys.targets) { signed in
                signed.edit("x-slipway", "director", "keys") { $0.set(shared.keyID, shared.json) }
            }
            try meets(attack)
        },
    ]

    // MARK: Two states of one repository

    /// A host that trusts one state of a repository meets another.
    private static func meets(
        _ first: TestRepository, then second: TestRepository, targets: [String] = [TestRepository.path("1.0")]
    ) throws {
        var host = try TestHost(of: first)
        try host.refresh(from: first)
        try host.meet(second, targets: targets)
    }

    private static func twoStates() throws -> (old: TestRepository, new: TestRepository) {
        let old = try TestRepository()
        var new = old
        new.now = old.now + .hours(1)
        try new.approve("1.1")
        return (old, new)
    }

    private static func thiefsRoot(signers: [SigningKey]) throws -> TestRepository {
        var attack = try withRoot { signed in
            name(TestKeys.key("thief").publicKey.json, for: "root", threshold: 1, alone: true, in: &signed)
        }
        attack.served["2.root.json"] = try Forgery.edit(try #require(attack.served["2.root.json"]), by: signers) {
            _ in
        }
        return attack
    }

    /// A thief of the snapshot key drove the version up, the honest timestamp service named it; the owner replaces the
    /// snapshot key alone.
    private static func recovery() throws {
        var attack = try TestRepository()
        try attack.forge("timestamp", by: attack.keys.timestamp) { signed in
            signed.edit("meta", "snapshot.json", "version") { $0 = .integer(1_000_000) }
        }
        var host = try TestHost(of: attack)
        #expect(throws: (any Error).self) { try host.refresh(from: attack) }
        var recovered = try TestRepository()
        let key = TestKeys.key("snapshot-new")
        recovered.keys.snapshot = [key]
        try recovered.rewrite { draft in
            try draft.writeRoot { name(key.publicKey.json, for: "snapshot", threshold: 1, alone: true, in: &$0) }
        }
        try host.refresh(from: recovered).requireTargets([TestRepository.path("1.0")])
        throw TestFailure("recovered")
    }

    private static func raise(_ step: Int64) -> (inout JSONValue) -> Void {
        { $0 = .integer(($0.integerValue ?? 0) + step) }
    }

    /// Another moment in as many bytes.
    private static func shift(_ expires: inout JSONValue) { expires = .string("2029-01-01T00:00:00Z") }
    private static func late(_ expires: inout JSONValue) { expires = .string("2029-01-01T00:00:00Z") }
}
