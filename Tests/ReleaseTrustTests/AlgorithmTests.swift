import COpenSSL
import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Algorithms of other people's repositories")
struct AlgorithmTests {
    private static let message = Array("message".utf8)

    private func key(_ json: JSONValue, accepting algorithms: Set<KeyAlgorithm> = .all) throws -> PublicKey? {
        let table = JSONValue.object([JSONMember(SHA256Digest(of: json.canonicalBytes).hex, json)])
        let reader = MetadataReader(value: table, role: "root", path: "signed.keys")
        return try KeyTable(reading: reader, accepting: algorithms).keys.values.compactMap { $0 }.first
    }

    @Test("ECDSA P-256 and RSA-PSS verify what they signed, and nothing else")
    func verify() throws {
        for foreign in [ForeignKey.ecdsa, .rsa] {
            let key = try #require(try key(foreign.json))
            #expect(key.algorithm == foreign.algorithm && key.keyID == foreign.keyID)
            var signature = foreign.sign(Self.message)
            #expect(key.verify(signature: signature, over: Self.message))
            #expect(!key.verify(signature: signature, over: Self.message + [0]))
            for other in [[], Array(signature.dropLast()), signature + [0], [UInt8](repeating: 0, count: 64)] {
                #expect(!key.verify(signature: other, over: Self.message))
            }
            signature[signature.count / 2] ^= 1
            #expect(!key.verify(signature: signature, over: Self.message))
        }
    }

    @Test("A PSS salt of any length is read; another padding is not")
    func padding() throws {
        let key = try #require(try key(ForeignKey.rsa.json))
        for length: Int32 in [0, 20, 32, 190] {
            #expect(key.verify(signature: ForeignKey.rsa.sign(Self.message, saltLength: length), over: Self.message))
        }
        #expect(!key.verify(signature: ForeignKey.rsa.signByPKCS1(Self.message), over: Self.message))
    }

    @Test("An algorithm outside the policy is carried and counts for nothing")
    func policy() throws {
        for foreign in [ForeignKey.ecdsa, .rsa] {
            #expect(try key(foreign.json, accepting: .ours) == nil)
            var unknown = foreign.json
            unknown.set("scheme", .string("rsa-pkcs1v15-sha256"))
            #expect(try key(unknown) == nil)
        }
        #expect(try key(ForeignKey.ecdsa.json(ForeignKey.ecdsa.publicPEM, keyType: "ecdsa-sha2-nistp256")) != nil)
    }

    @Test("Short RSA, another curve, a key of another kind and a text that is none are refused")
    func weak() {
        expectRefusal("trust.key.weak") { try key(ForeignKey.shortRSA.json) as Any }
        expectRefusal("trust.key.form") { try key(ForeignKey.otherCurve.json) as Any }
        expectRefusal("trust.key.form") { try key(ForeignKey.ecdsa.json(ForeignKey.rsa.publicPEM)) as Any }
        expectRefusal("trust.key.form") { try key(ForeignKey.rsa.json(ForeignKey.ecdsa.publicPEM)) as Any }
        for text in [
            "", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", String(repeating: "A", count: 20_000),
        ] {
            expectRefusal("trust.key.form") { try key(ForeignKey.rsa.json(text)) as Any }
            expectRefusal("trust.key.form") { try key(ForeignKey.ecdsa.json(text)) as Any }
        }
    }

    @Test("The same ECDSA or RSA key written in two ways is one key")
    func oneForm() throws {
        let compressed = try #require(try key(ForeignKey.ecdsa.json(ForeignKey.ecdsa.compressedPEM)))
        #expect(compressed == (try key(ForeignKey.ecdsa.json)))
        let spaced = ForeignKey.rsa.publicPEM.replacing("-----BEGIN", with: "a comment\n-----BEGIN")
        #expect(try key(ForeignKey.rsa.json(spaced)) == (try key(ForeignKey.rsa.json)))
    }

    @Test("A repository signed by ECDSA and RSA keys is read where the policy accepts them")
    func repository() throws {
        for foreign in [ForeignKey.ecdsa, .rsa] {
            var repository = try Attack.withRoot {
                Attack.name(foreign.json, for: "timestamp", threshold: 1, alone: true, in: &$0)
            }
            // As JSON, not in canonical form: PEM holds line feeds.
            repository.timestamp = try foreign.resign(repository.timestamp)
            var host = try TestHost(of: try TestRepository())
            let trusted = try host.refresh(from: repository, accepting: .all)
            #expect(trusted.rootVersion == 2)
            var other = try TestHost(of: try TestRepository())
            expectRefusal("trust.timestamp.signatures") { try other.refresh(from: repository) }
        }
    }
}
