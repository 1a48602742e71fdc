import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// Made-up trees of delegated roles, all signed by one key.
enum DelegationTree {
    /// One role of a made-up tree: who it delegates to, and what it lists.
    struct Role {
        var name: String
        var lists: [String] = []
        var delegates: [(name: String, paths: [String], terminating: Bool)] = []
    }

    static let key = TestKeys.key("approver")

    /// A repository whose top-level targets is the first role.
    static func repository(_ roles: [Role]) throws -> TestRepository {
        var repository = try TestRepository()
        var files: [String: [UInt8]] = [:]
        for role in roles {
            var signed = JSONValue.object([
                JSONMember("_type", .string("targets")), JSONMember("spec_version", .string("1.0.34")),
                JSONMember("version", .integer(5)), JSONMember("expires", .string("2030-01-01T00:00:00Z")),
                JSONMember(
                    "targets",
                    .object(role.lists.map { path in JSONMember(path, target(path, by: role.name)) })),
            ])
            let delegated: [JSONValue] = role.delegates.map { child in
                .object([
                    JSONMember("name", .string(child.name)),
                    JSONMember("keyids", .array([.string(key.publicKey.keyID)])),
                    JSONMember("threshold", .integer(1)), JSONMember("terminating", .bool(child.terminating)),
                    JSONMember("paths", .array(child.paths.map { .string($0) })),
                ])
            }
            signed.set(
                "delegations",
                .object([
                    JSONMember("keys", .object([JSONMember(key.publicKey.keyID, key.publicKey.json)])),
                    JSONMember("roles", .array(delegated)),
                ]))
            let signer = role.name == "targets" ? TestKeys.key("targets") : key
            files[role.name] =
                JSONValue.object([
                    JSONMember("signed", signed),
                    JSONMember("signatures", try Forgery.signatures(of: signed, by: [signer])),
                ]).canonicalBytes
        }
        for (name, bytes) in files { repository.served[MetadataFile.name(role: name, version: 5)] = bytes }
        try repository.forge("snapshot", by: repository.keys.snapshot) { signed in
            signed.set("meta", .object(files.map { JSONMember("\($0.key).json", Forgery.reference($0.value)) }))
        }
        try repository.nameAgain("snapshot")
        return repository
    }

    /// The length tells which role's word it is.
    private static func target(_ path: String, by role: String) -> JSONValue {
        .object([
            JSONMember("length", .integer(Int64(role.utf8.count))),
            JSONMember("hashes", .object([JSONMember("sha256", .string(SHA256Digest(of: Array(path.utf8)).hex))])),
        ])
    }
}
