import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// A thief of any set of keys, who serves what he likes to a host that enrolled before: he installs exactly where the design
/// says that he can (docs/threat-model.md).
@Suite("Attack: every subset of the keys")
struct ThiefTests {
    private static let names = ["root", "targets", "approver", "emergency", "snapshot", "timestamp", "director"]
    private static let evil = "6.6"

    /// What was stolen, and keys of his own for the rest.
    private func keys(_ stolen: Set<String>) -> RepositoryKeys {
        func key(_ name: String) -> [SigningKey] {
            [stolen.contains(name) ? TestKeys.key(name) : TestKeys.key("thief-\(name)")]
        }
        return RepositoryKeys(
            root: key("root"), targets: key("targets"), approvers: key("approver"), emergency: key("emergency"),
            snapshot: key("snapshot"), timestamp: key("timestamp"), director: key("director"))
    }

    private func installs(
        _ served: TestRepository, _ director: [SigningKey], _ place: ApprovalPlace, enrolled honest: TestRepository
    ) -> Bool {
        do {
            var host = try TestHost(of: honest)
            let trusted = try host.refresh(from: served, targets: [TestRepository.path(Self.evil, place)])
            var word = try TestDirector(Self.evil, place: place)
            word.keys = director
            let release = try word.authorise(with: trusted)
            return release.target.sha256 == TestRepository.manifest(Self.evil)
        } catch { return false }
    }

    /// Lists the release in a role that is there, by its stolen key.
    private func listing(
        _ role: String, _ place: ApprovalPlace, by signers: [SigningKey], keys: RepositoryKeys,
        in honest: TestRepository, like own: TestRepository
    ) throws -> TestRepository {
        let path = TestRepository.path(Self.evil, place)
        let entry = try #require(own.state.roles[role]?["signed"]?["targets"]?[path])
        var attack = honest
        attack.keys = keys
        try attack.forgeThrough(role, by: signers) { signed in signed.edit("targets") { $0.set(path, entry) } }
        return attack
    }

    /// Everything that he can serve with these keys.
    private func canInstall(_ stolen: Set<String>, _ honest: TestRepository) throws -> Bool {
        let staging = ApprovalPlace.environment(TestRepository.staging)
        let held = keys(stolen)
        // A world of his own: targets that name his own director and approvers, or, with root, everybody his own.
        func world(_ kept: Set<String>) throws -> TestRepository {
            var world = try TestRepository(keys: keys(stolen.intersection(kept)))
            for place in [staging, .emergency] { try world.approve(Self.evil, in: place) }
            return world
        }
        let ownTargets = try world(["targets", "snapshot", "timestamp"])
        if installs(ownTargets, keys([]).director, staging, enrolled: honest) { return true }
        var ownRoot = try world(["root"])
        ownRoot.served["2.root.json"] = try Forgery.edit(
            try #require(ownRoot.served["1.root.json"]), by: held.root
        ) { $0.set("version", .integer(2)) }
        if installs(ownRoot, keys([]).director, staging, enrolled: honest) { return true }
        for (role, place, signers) in [
            ("staging-web", staging, held.approvers), ("emergency-web", .emergency, held.emergency),
        ] {
            let attack = try listing(role, place, by: signers, keys: held, in: honest, like: ownTargets)
            if installs(attack, held.director, place, enrolled: honest) { return true }
        }
        return false
    }

    @Test("What a thief can install with each of the 128 sets of keys is what the design says, and nothing with fewer")
    func everySubset() throws {
        var honest = try TestRepository()
        try honest.approve("1.1", in: .emergency)
        var successes = 0
        for number in 0..<(1 << Self.names.count) {
            let stolen = Set(Self.names.enumerated().filter { number >> $0.offset & 1 == 1 }.map(\.element))
            let isOnline = stolen.isSuperset(of: ["snapshot", "timestamp"])
            let isApproved = stolen.contains("director") && !stolen.isDisjoint(with: ["approver", "emergency"])
            let expected = stolen.contains("root") || (isOnline && (stolen.contains("targets") || isApproved))
            let found = try canInstall(stolen, honest)
            #expect(found == expected, "\(stolen.sorted())")
            if found { successes += 1 }
        }
        // 64 with root; without: 8 with targets and both online keys, and 3 of the director with an approving key.
        #expect(successes == 64 + 8 + 3)
    }
}
