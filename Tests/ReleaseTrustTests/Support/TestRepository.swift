import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// A repository as a server gives it out, with the tools of its honest owner and of a thief of some of its keys.
struct TestRepository {
    static let start = try! UTCInstant("2026-11-20T08:00:00Z")
    static let product = try! ProductName("web")
    static let staging = try! EnvironmentName("staging")
    static let production = try! EnvironmentName("production")
    static let manifest = Array("manifest of web@1.0".utf8)

    var keys = TestKeys.solo
    private(set) var state: RepositoryState
    /// What the server answers with, by name; anything else is a 404.
    var served: [String: [UInt8]] = [:]
    var now = start

    /// Product web in staging and production; web@1.0 is approved in staging.
    init(keys: RepositoryKeys = TestKeys.solo) throws {
        self.keys = keys
        let created = try RepositoryWriter.create(keys: keys, at: Self.start)
        state = created.state
        apply(created)
        apply(
            try RepositoryWriter.addProduct(
                Self.product, environments: [Self.staging, Self.production], to: state, keys: keys, at: Self.start))
        try approve("1.0")
    }

    /// Product web in staging and production, with the keys and thresholds of a profile; nothing is approved.
    init(_ setup: RepositorySetup, keys: RepositoryKeys) throws {
        self.keys = keys
        let created = try RepositoryWriter.create(
            setup, keys: keys, products: [Self.product], environments: [Self.staging, Self.production], at: Self.start)
        state = created.state
        apply(created)
    }

    static func release(_ version: String) -> ReleaseName {
        ReleaseName(product: product, version: try! ReleaseVersion(version))
    }

    static func manifest(_ version: String) -> SHA256Digest {
        SHA256Digest(of: Array("manifest of web@\(version)".utf8))
    }

    static func path(_ version: String, _ place: ApprovalPlace = .environment(staging)) -> String {
        TargetPath.manifest(place, release(version))
    }

    mutating func apply(_ change: RepositoryChange) {
        state = change.state
        for file in change.files { served[file.name] = file.bytes }
    }

    mutating func approve(
        _ version: String, in place: ApprovalPlace = .environment(staging), notAfter: UTCInstant? = nil
    ) throws {
        apply(
            try RepositoryWriter.approve(
                Self.release(version), manifest: Self.manifest(version),
                length: ByteCount("manifest of web@\(version)".utf8.count), in: place,
                notAfter: notAfter, to: state, keys: keys, at: now))
    }

    mutating func renew() throws { apply(try RepositoryWriter.renew(state, keys: keys, at: now)) }

    /// Edits roles and signs them with the keys at hand, as an owner (or a thief of exactly these keys) can.
    mutating func rewrite(_ edit: (inout RepositoryDraft) throws -> Void) throws {
        var draft = RepositoryDraft(state, keys: keys, at: now)
        try edit(&draft)
        apply(try draft.finish())
    }

    /// The owner's next versions of snapshot and timestamp: a thief of the online keys used up the present ones, and a
    /// host that holds an equal version takes no other file of it.
    func healed() throws -> TestRepository {
        var healed = self
        try healed.rewrite { _ in }
        return healed
    }

    // MARK: Forgeries of single files

    var timestamp: [UInt8] {
        get { served["timestamp.json"] ?? [] }
        set { served["timestamp.json"] = newValue }
    }

    func fileName(of role: String) -> String {
        let envelope =
            switch role {
            case "root": state.root
            case "targets": state.targets
            case "snapshot": state.snapshot
            case "timestamp": state.timestamp
            default: state.roles[role] ?? .null
            }
        return role == "timestamp"
            ? "timestamp.json"
            : MetadataFile.name(role: role, version: envelope["signed"]?["version"]?.integerValue ?? 0)
    }

    /// Changes the file that is served for a role without telling snapshot or timestamp.
    mutating func forge(_ role: String, by keys: [SigningKey]? = nil, _ edit: (inout JSONValue) -> Void) throws {
        let name = fileName(of: role)
        served[name] = try Forgery.edit(try #require(served[name]), by: keys, edit)
    }

    /// As `forge`, and makes snapshot and timestamp name the result: the thief has the online keys too.
    mutating func forgeThrough(_ role: String, by keys: [SigningKey]? = nil, _ edit: (inout JSONValue) -> Void) throws {
        try forge(role, by: keys, edit)
        try nameAgain(role)
    }

    /// Snapshot and timestamp of the same version name the bytes that are served for a role now.
    mutating func nameAgain(_ role: String) throws {
        if role != "snapshot" {
            let reference = Forgery.reference(try #require(served[fileName(of: role)]))
            try forge("snapshot", by: self.keys.snapshot) { signed in
                var meta = signed["meta"] ?? .object([])
                meta.set("\(role).json", reference)
                signed.set("meta", meta)
            }
        }
        let reference = Forgery.reference(try #require(served[fileName(of: "snapshot")]))
        try forge("timestamp", by: self.keys.timestamp) { signed in
            signed.set("meta", .object([JSONMember("snapshot.json", reference)]))
        }
    }
}

enum Forgery {
    /// Edits `signed`; signed anew by the keys, or with the old signatures left on when there are none.
    static func edit(_ file: [UInt8], by keys: [SigningKey]?, _ edit: (inout JSONValue) -> Void) throws -> [UInt8] {
        var envelope = try JSONValue(parsing: file)
        var signed = try #require(envelope["signed"])
        edit(&signed)
        envelope.set("signed", signed)
        if let keys { envelope.set("signatures", try signatures(of: signed, by: keys)) }
        return envelope.wireBytes
    }

    static func signatures(of signed: JSONValue, by keys: [SigningKey]) throws -> JSONValue {
        .array(
            try keys.map { key in
                .object([
                    JSONMember("keyid", .string(key.publicKey.keyID)),
                    JSONMember("sig", .string(Hexadecimal.encode(try key.sign(signed.canonicalBytes)))),
                ])
            })
    }

    static func reference(_ file: [UInt8]) -> JSONValue {
        let version = (try? JSONValue(parsing: file))?["signed"]?["version"] ?? .integer(1)
        return .object([
            JSONMember("version", version), JSONMember("length", .integer(Int64(file.count))),
            JSONMember("hashes", .object([JSONMember("sha256", .string(SHA256Digest(of: file).hex))])),
        ])
    }
}

extension JSONValue {
    /// Edits the member at a path in place.
    mutating func edit(_ path: String..., by change: (inout JSONValue) -> Void) {
        edit(path[...], by: change)
    }

    private mutating func edit(_ path: ArraySlice<String>, by change: (inout JSONValue) -> Void) {
        guard let name = path.first else { return change(&self) }
        var member = self[name] ?? .object([])
        member.edit(path.dropFirst(), by: change)
        set(name, member)
    }
}
