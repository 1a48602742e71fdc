import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Delegations")
struct DelegationTests {
    @Test(
        "A pattern's star and question mark never match a slash",
        arguments: [
            ("staging/web/*/*", "staging/web/1.0/manifest.json", true),
            ("staging/web/*", "staging/web/1.0/manifest.json", false),
            ("staging/web/*/*", "staging/web/1.0/a/manifest.json", false),
            ("staging/web/*/*", "staging/webx/1.0/m", false),
            ("staging/web/*/*", "production/web/1.0/m", false), ("*", "a", true), ("*", "", true), ("*", "a/b", false),
            ("?", "/", false), ("a?c", "abc", true), ("a?c", "ac", false), ("*.json", "x.json", true),
            ("*.json", "x.jsonx", false), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbYbZ", false), ("", "", true),
            ("**", "anything", true), ("a/*/c", "a//c", true), ("*", "a/\u{301}b", false), ("[ab]", "a", false),
            ("A", "a", false),
        ])
    func patterns(pattern: String, path: String, matches: Bool) {
        #expect(PathPattern(pattern).matches(path) == matches)
    }

    @Test("A pattern made to be slow is not")
    func slowPattern() {
        let pattern = PathPattern(String(repeating: "*a", count: 500) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 5000)))
    }

    private typealias Role = DelegationTree.Role
    private let key = DelegationTree.key

    private func find(_ path: String, in roles: [Role]) throws -> (owner: Int64?, asked: [String]) {
        let repository = try DelegationTree.repository(roles)
        var host = try TestHost(of: repository)
        let trusted = try host.refresh(from: repository, targets: [path])
        let asked = host.asked.drop { $0 != "5.targets.json" }.dropFirst()
        return (try trusted.target(path)?.length.value, Array(asked))
    }

    @Test("The search goes in the order of delegations, deep before wide")
    func preOrder() throws {
        let roles = [
            Role(name: "targets", delegates: [("a", ["*"], false), ("bb", ["*"], false)]),
            Role(name: "a", delegates: [("ccc", ["*"], false)]), Role(name: "bb", lists: ["x"]),
            Role(name: "ccc", lists: ["x", "y"]),
        ]
        let x = try find("x", in: roles)
        #expect(x.owner == 3 && x.asked == ["5.a.json", "5.ccc.json"])
        let none = try find("z", in: roles)
        #expect(none.owner == nil && none.asked == ["5.a.json", "5.ccc.json", "5.bb.json"])
    }

    @Test("A terminating delegation ends the search in its branch")
    func terminating() throws {
        let roles = [
            Role(name: "targets", delegates: [("a", ["*"], true), ("bb", ["*"], false)]),
            Role(name: "a"), Role(name: "bb", lists: ["x"]),
        ]
        let x = try find("x", in: roles)
        #expect(x.owner == nil && x.asked == ["5.a.json"])
    }

    @Test("A role is not asked about paths that were not delegated to it")
    func paths() throws {
        let roles = [
            Role(name: "targets", delegates: [("a", ["a/*"], false), ("bb", ["*"], false)]),
            Role(name: "a", lists: ["x"]), Role(name: "bb"),
        ]
        let x = try find("x", in: roles)
        #expect(x.owner == nil && x.asked == ["5.bb.json"])
    }

    @Test("A circle of delegations ends")
    func circle() throws {
        let roles = [
            Role(name: "targets", delegates: [("a", ["*"], false)]),
            Role(name: "a", delegates: [("bb", ["*"], false)]),
            Role(name: "bb", delegates: [("a", ["*"], false), ("targetz", ["*"], false)]),
            Role(name: "targetz", lists: ["x"]),
        ]
        #expect(try find("x", in: roles).owner == 7)
    }

    @Test("A look-up visits 32 roles and no more", arguments: [(30, true), (31, false)])
    func visited(before: Int, isFound: Bool) throws {
        let names = (0..<before).map { "r\($0)" }
        let roles =
            [Role(name: "targets", delegates: (names + ["last"]).map { ($0, ["*"], false) })]
            + names.map { Role(name: $0) } + [Role(name: "last", lists: ["x"])]
        #expect((try find("x", in: roles).owner != nil) == isFound)
    }

    @Test("A role's authority comes from the delegator through which it is reached, each time")
    func everyEdge() throws {
        var repository = try DelegationTree.repository([
            Role(name: "targets", delegates: [("a", ["*"], false), ("bb", ["other"], false)]),
            Role(name: "a", delegates: [("shared", ["x"], false)]),
            Role(name: "bb", delegates: [("shared", ["other"], false)]),
            Role(name: "shared", lists: ["x", "other"]),
        ])
        // bb names another key for the shared role.
        let other = TestKeys.key("stranger").publicKey
        let name = "5.bb.json"
        repository.served[name] = try Forgery.edit(try #require(repository.served[name]), by: [key]) { signed in
            signed.edit("delegations", "keys") { $0.set(other.keyID, other.json) }
            signed.edit("delegations", "roles") { roles in
                guard case .array(var list) = roles else { return }
                list[0].set("keyids", .array([.string(other.keyID)]))
                roles = .array(list)
            }
        }
        let reference = Forgery.reference(try #require(repository.served[name]))
        try repository.forge("snapshot", by: repository.keys.snapshot) { signed in
            signed.edit("meta") { $0.set("bb.json", reference) }
        }
        try repository.nameAgain("snapshot")
        var host = try TestHost(of: repository)
        let trusted = try host.refresh(from: repository, targets: ["other", "x"])
        #expect(try trusted.target("x") != nil)
        expectRefusal("trust.role.signatures") { try trusted.target("other") as Any }
    }

    @Test("A role that is delegated but missing from snapshot ends the search with a word")
    func missing() throws {
        var attack = try TestRepository()
        try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
            signed.edit("meta") { $0.removeMember("staging-web.json") }
        }
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.role.missing", from: attack, keeping: "staging-web", then: try honest.healed())
    }

    @Test("Prefixes of a path's hash delegate as well")
    func hashPrefixes() throws {
        let digest = SHA256Digest(of: Array("x".utf8)).hex
        for (prefix, isCovered) in [(String(digest.prefix(2)), true), ("", true), ("zz", false), (digest + "0", false)]
        {
            let json = JSONValue.object([
                JSONMember("name", .string("bin")), JSONMember("keyids", .array([])),
                JSONMember("threshold", .integer(1)),
                JSONMember("terminating", .bool(false)), JSONMember("path_hash_prefixes", .array([.string(prefix)])),
            ])
            let reader = MetadataReader(value: json, role: "targets", path: "")
            let keys = try KeyTable(
                reading: MetadataReader(value: .object([]), role: "targets", path: ""), accepting: .ours)
            #expect(try DelegatedRole(reading: reader, table: keys).covers("x") == isCovered)
        }
    }
}
