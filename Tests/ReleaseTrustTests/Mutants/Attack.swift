import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// An attack that one check stops: what happens, and the word of the refusal.
struct Attack: Sendable, CustomTestStringConvertible {
    let check: TrustCheck
    let title: String
    /// The code of the `TrustError`, or what the scenario itself says went well.
    let word: String
    /// Throws the refusal; returns when the attack got through.
    let run: @Sendable () throws -> Void

    init(_ check: TrustCheck, _ title: String, _ word: String, _ run: @escaping @Sendable () throws -> Void) {
        (self.check, self.title, self.word, self.run) = (check, title, word, run)
    }

    var testDescription: String { "\(check.rawValue): \(title)" }

    /// What is said; nil when nothing is refused.
    var outcome: String? {
        do { try run() } catch let error as TrustError { return error.code } catch let error as TestFailure {
            return error.what
        } catch { return "\(error)" }
        return nil
    }

    static let all = form + workflow + search + authorities

    /// A host that was enrolled with the first root meets this repository; a refusal leaves its store whole.
    static func meets(
        _ repository: TestRepository, at now: UTCInstant? = nil, targets: [String] = [TestRepository.path("1.0")],
        recovers: Bool = true
    ) throws {
        var host = try TestHost(of: try TestRepository())
        try host.meet(repository, at: now, targets: targets, recovers: recovers)
    }

    /// The next root, signed by the old key, edited.
    static func withRoot(_ edit: (inout JSONValue) -> Void) throws -> TestRepository {
        var repository = try TestRepository()
        let first = try #require(repository.served["1.root.json"])
        repository.served["2.root.json"] = try Forgery.edit(first, by: repository.keys.root) { signed in
            signed.set("version", .integer(2))
            edit(&signed)
        }
        return repository
    }

    static func name(
        _ key: JSONValue, for role: String, threshold: Int64, alone: Bool = false, in signed: inout JSONValue
    ) {
        let keyID = SHA256Digest(of: key.canonicalBytes).hex
        signed.edit("keys") { $0.set(keyID, key) }
        signed.edit("roles", role) { role in
            role.set("keyids", .array((alone ? [] : role["keyids"]?.arrayValue ?? []) + [.string(keyID)]))
            role.set("threshold", .integer(threshold))
        }
    }
}

@Suite("Every check is needed: without it an attack gets through")
struct MutantTests {
    @Test("The attack is refused", arguments: Attack.all)
    func refused(_ attack: Attack) { #expect(attack.outcome == attack.word) }

    @Test("With the check removed, the attack is no longer refused", arguments: Attack.all)
    func removed(_ attack: Attack) {
        TrustCheck.$removed.withValue(attack.check) { #expect(attack.outcome != attack.word) }
    }

    @Test("There is an attack for every check")
    func complete() {
        let covered = Set(Attack.all.map(\.check))
        #expect(TrustCheck.allCases.filter { !covered.contains($0) } == [])
        #expect(TrustCheck.allCases.count >= 20)
    }
}
