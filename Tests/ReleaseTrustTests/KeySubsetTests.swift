import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// Every subset of a team's keys in a thief's hands: he signs whatever they can sign, and names keys of his own wherever
/// he may. What he can install is what the design says, and nothing else.
@Suite("Every subset of role keys")
struct KeySubsetTests {
    private static let profile = TestProfile.team

    private struct Stolen {
        var root, approvers: [SigningKey]
        var targets, snapshot, timestamp, director: [SigningKey]

        init(_ number: Int, of keys: RepositoryKeys) {
            var bits = number
            func some(_ keys: [SigningKey]) -> [SigningKey] {
                keys.filter { _ in
                    defer { bits >>= 1 }
                    return bits & 1 == 1
                }
            }
            root = some(keys.root)
            approvers = some(keys.approvers)
            targets = some(keys.targets)
            snapshot = some(keys.snapshot)
            timestamp = some(keys.timestamp)
            director = some(keys.director)
        }

        /// Source: trust.md "Roles", "What must hold" 1 and 2.
        var install: Bool {
            if root.count >= profile.rootThreshold { return true }
            guard !snapshot.isEmpty, !timestamp.isEmpty else { return false }
            return !targets.isEmpty || (approvers.count >= profile.approversThreshold && !director.isEmpty)
        }
    }

    @Test("The outcome equals the design; below a threshold nothing installs")
    func everySubset() throws {
        var honest = try Self.profile.repository()
        try honest.approve("1.0")
        var host = try TestHost(of: honest)
        try host.refresh(from: honest)
        var installs = 0
        for number in 0..<(1 << 9) {
            let stolen = Stolen(number, of: honest.keys)
            let ways = [(false, false), (false, true), (true, true)]
            let got = ways.contains { Self.installs(stolen, newRoot: $0.0, newTargets: $0.1, from: honest, on: host) }
            #expect(got == stolen.install, "\(stolen)")
            installs += got ? 1 : 0
        }
        #expect(installs > 0 && installs < 512)
    }

    private static let thief = TestKeys.key("thief")
    private static let thiefApprover = TestKeys.key("thief-approver")
    private static let thiefDirector = TestKeys.key("thief-director")

    /// Whether evil software is authorised when the thief goes this way.
    private static func installs(
        _ stolen: Stolen, newRoot: Bool, newTargets: Bool, from honest: TestRepository, on trusting: TestHost
    ) -> Bool {
        do {
            var (attack, host) = (honest, trusting)
            if newRoot { try replaceRoot(&attack, stolen) }
            let (targetsKeys, roleKeys) = (
                newRoot ? [thief] : stolen.targets, newTargets ? [thiefApprover] : stolen.approvers
            )
            if newTargets { try replaceTargets(&attack, targetsKeys) }
            try write("staging-web", &attack, roleKeys) { signed in
                let evil = signed["targets"]?[TestRepository.path("1.0")] ?? .null
                signed.edit("targets") { $0.set(TestRepository.path("6.6"), evil) }
                signed.edit("targets", TestRepository.path("6.6"), "hashes", "sha256") {
                    $0 = .string(TestRepository.manifest("6.6").hex)
                }
            }
            try writeOnline(&attack, newRoot ? [thief] : stolen.snapshot, newRoot ? [thief] : stolen.timestamp)
            var director = try TestDirector("6.6")
            director.keys = newTargets ? [thiefDirector] : stolen.director
            let trusted = try host.refresh(from: attack, targets: [director.assignment.targetPath])
            _ = try director.authorise(with: trusted)
            return true
        } catch { return false }
    }

    private static func write(
        _ role: String, _ attack: inout TestRepository, _ keys: [SigningKey], _ edit: (inout JSONValue) -> Void
    ) throws {
        let old = try #require(attack.served[attack.fileName(of: role)])
        let version = (try JSONValue(parsing: old)["signed"]?["version"]?.integerValue ?? 0) + 1
        attack.served[role == "timestamp" ? "timestamp.json" : MetadataFile.name(role: role, version: version)] =
            try Forgery.edit(old, by: keys) { signed in
                signed.set("version", .integer(version))
                edit(&signed)
            }
    }

    private static func replaceRoot(_ attack: inout TestRepository, _ stolen: Stolen) throws {
        let key = thief.publicKey
        try write("root", &attack, stolen.root + [thief]) { signed in
            signed.edit("keys") { $0.set(key.keyID, key.json) }
            for role in ["root", "targets", "snapshot", "timestamp"] {
                signed.edit("roles", role) { role in
                    role.set("keyids", .array([.string(key.keyID)]))
                    role.set("threshold", .integer(1))
                }
            }
        }
    }

    private static func replaceTargets(_ attack: inout TestRepository, _ keys: [SigningKey]) throws {
        let (approver, director) = (thiefApprover.publicKey, thiefDirector.publicKey)
        try write("targets", &attack, keys) { signed in
            signed.edit("x-slipway", "director") { own in
                own.set("keys", .object([JSONMember(director.keyID, director.json)]))
                own.set("threshold", .integer(1))
            }
            signed.edit("delegations", "keys") { $0.set(approver.keyID, approver.json) }
            signed.edit("delegations", "roles") { roles in
                roles = .array(
                    (roles.arrayValue ?? []).map { role in
                        var role = role
                        role.set("keyids", .array([.string(approver.keyID)]))
                        role.set("threshold", .integer(1))
                        return role
                    })
            }
        }
    }

    /// Names the newest file of each role that the thief wrote.
    private static func writeOnline(
        _ attack: inout TestRepository, _ snapshotKeys: [SigningKey], _ timestampKeys: [SigningKey]
    ) throws {
        var newest: [(String, JSONValue)] = []
        for role in ["targets", "staging-web"] {
            let old = attack.fileName(of: role)
            let version = (Int64(old.prefix { $0 != "." }) ?? 0) + 1
            let file = attack.served[MetadataFile.name(role: role, version: version)] ?? attack.served[old]
            newest.append(("\(role).json", Forgery.reference(try #require(file))))
        }
        try write("snapshot", &attack, snapshotKeys) { signed in
            signed.edit("meta") { meta in for (name, reference) in newest { meta.set(name, reference) } }
        }
        let number = (Int64(attack.fileName(of: "snapshot").prefix { $0 != "." }) ?? 0) + 1
        let reference = Forgery.reference(
            try #require(attack.served[MetadataFile.name(role: "snapshot", version: number)]))
        try write("timestamp", &attack, timestampKeys) { signed in
            signed.edit("meta") { $0.set("snapshot.json", reference) }
        }
    }
}
