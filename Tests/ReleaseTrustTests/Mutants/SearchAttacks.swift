import ReleaseDefinition
import Testing

@testable import ReleaseTrust

extension Attack {
    private typealias Role = DelegationTree.Role

    static let search: [Attack] = [
        Attack(.delegationEdge, "a role's word, verified for another delegator", "trust.role.signatures") {
            // A cached file is refused, after honest ones were stored; and its owner has no other repository.
            try meets(try diamond(), targets: ["other", "x"], recovers: false)
        },
        Attack(.delegationPath, "a role that speaks of what was not delegated to it", "no target x") {
            try meets(
                try DelegationTree.repository([
                    Role(name: "targets", delegates: [("a", ["a/*"], false)]), Role(name: "a", lists: ["x"]),
                ]), targets: ["x"])
        },
        Attack(.delegationTerminates, "a role behind a terminating delegation", "no target x") {
            try meets(
                try DelegationTree.repository([
                    Role(name: "targets", delegates: [("a", ["*"], true), ("bb", ["*"], false)]), Role(name: "a"),
                    Role(name: "bb", lists: ["x"]),
                ]), targets: ["x"])
        },
        Attack(.rolesVisited, "more roles than anyone should have to read", "no target x") {
            let names = (0..<40).map { "r\($0)" }
            try meets(
                try DelegationTree.repository(
                    [Role(name: "targets", delegates: (names + ["last"]).map { ($0, ["*"], false) })]
                        + names.map { Role(name: $0) } + [Role(name: "last", lists: ["x"])]), targets: ["x"])
        },
        Attack(.starStopsAtSlash, "a star that reaches into folders", "no target web/1.0/x") {
            try meets(
                try DelegationTree.repository([
                    Role(name: "targets", delegates: [("a", ["web/*"], false)]), Role(name: "a", lists: ["web/1.0/x"]),
                ]), targets: ["web/1.0/x"])
        },
        Attack(.targetLength, "a target with bytes after its end", "trust.target.length") {
            try target("staging/web/1.0/manifest.json").requireMatch(TestRepository.manifest + [0])
        },
        Attack(.targetHash, "a target with other bytes", "trust.target.hash") {
            try target("staging/web/1.0/manifest.json").requireMatch([0] + TestRepository.manifest.dropFirst())
        },
        Attack(.targetName, "a target that climbs out of its folder", "trust.target.name") {
            try target("../../etc/passwd").requirePlainPath()
        },
    ]

    private static func target(_ path: String) throws -> TargetFile {
        let json = JSONValue.object([
            JSONMember("length", .integer(Int64(TestRepository.manifest.count))),
            JSONMember(
                "hashes",
                .object([JSONMember("sha256", .string(SHA256Digest(of: TestRepository.manifest).hex))])),
        ])
        return try TargetFile(path: path, reading: MetadataReader(value: json, role: "targets", path: ""))
    }

    /// Two delegators name different keys for one role, and only one of the keys signed it.
    private static func diamond() throws -> TestRepository {
        var repository = try DelegationTree.repository([
            Role(name: "targets", delegates: [("a", ["x"], false), ("bb", ["other"], false)]),
            Role(name: "a", delegates: [("shared", ["x"], false)]),
            Role(name: "bb", delegates: [("shared", ["other"], false)]),
            Role(name: "shared", lists: ["x", "other"]),
        ])
        let other = TestKeys.key("stranger").publicKey
        let file = try #require(repository.served["5.bb.json"])
        let forged = try Forgery.edit(file, by: [DelegationTree.key]) { signed in
            signed.edit("delegations", "keys") { $0.set(other.keyID, other.json) }
            signed.edit("delegations", "roles") { roles in
                guard case .array(var list) = roles else { return }
                list[0].set("keyids", .array([.string(other.keyID)]))
                roles = .array(list)
            }
        }
        repository.served["5.bb.json"] = forged
        try repository.forge("snapshot", by: repository.keys.snapshot) { signed in
            signed.edit("meta") { $0.set("bb.json", Forgery.reference(forged)) }
        }
        try repository.nameAgain("snapshot")
        return repository
    }
}
