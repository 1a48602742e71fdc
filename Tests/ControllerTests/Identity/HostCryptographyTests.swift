import Crypto
import Effects
import Foundation
import ReleaseDefinition
import SwiftASN1
import Testing
import X509

@testable import AgentLibrary
@testable import ControllerLibrary

/// The agent works with libcrypto, the controller with swift-certificates: each reads what the other makes.
@Suite("A host's key, request and certificate")
struct HostCryptographyTests {
    private static let now = Date(timeIntervalSince1970: 1_700_000_000)

    private static func certificate(
        for key: Certificate.PublicKey, names: [GeneralName], moments: (Date, Date) = (now, now + 86_400)
    ) throws -> [UInt8] {
        let authority = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key, notValidBefore: moments.0, notValidAfter: moments.1,
            issuer: DistinguishedName { CommonName("authority") }, subject: DistinguishedName { CommonName("host") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: names.isEmpty
                ? .init() : Certificate.Extensions { SubjectAlternativeNames(names) },
            issuerPrivateKey: authority)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }

    @Test("A request that the agent makes is of its key, and the controller takes it")
    func request() throws {
        let pem = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let host = try HostKey(signingRequestPEM: AgentLibrary.SigningRequest.pem(pem))
        #expect(host.publicKey == (try Certificate.PrivateKey(pemEncoded: pem)).publicKey)
        let request = try CertificateSigningRequest(pemEncoded: AgentLibrary.SigningRequest.pem(pem))
        #expect(request.subject == (try DistinguishedName { CommonName("slipway host") }))
        #expect(request.version == .v1)
    }

    @Test("A signature of the agent's key is one for swift-certificates, over these bytes alone")
    func signature() throws {
        let pem = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let publicKey = try Certificate.PrivateKey(pemEncoded: pem).publicKey
        for bytes in [[], [0], Array("statement".utf8), [UInt8](repeating: 7, count: 100_000)] as [[UInt8]] {
            let signature = try EllipticKey(pem: pem).sign(bytes)
            #expect(publicKey.isValidSignature(signature, for: bytes, signatureAlgorithm: .ecdsaWithSHA256))
            #expect(!publicKey.isValidSignature(signature, for: bytes + [0], signatureAlgorithm: .ecdsaWithSHA256))
        }
    }

    @Test("A certificate's key, times and name read as they were written")
    func facts() throws {
        let pem = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let key = try Certificate.PrivateKey(pemEncoded: pem).publicKey
        let uri = "slipway://host/web-1"
        // GeneralizedTime from 2050 on (RFC 5280 4.1.2.5).
        let late = Date(timeIntervalSince1970: 2_600_000_000)
        for (from, to) in [(Self.now, Self.now + 30 * 86_400), (Self.now, late)] {
            let der = try Self.certificate(for: key, names: [.uniformResourceIdentifier(uri)], moments: (from, to))
            let facts = try CertificateFacts(der: der)
            #expect(facts.notBefore == UTCInstant(secondsSince1970: Int64(from.timeIntervalSince1970)))
            #expect(facts.notAfter == UTCInstant(secondsSince1970: Int64(to.timeIntervalSince1970)))
            #expect(facts.publicKey == (try EllipticKey(pem: pem).publicKey()))
            #expect(facts.isNamedOnly(uri: uri))
            #expect(!facts.isNamedOnly(uri: "slipway://host/web-2"))
        }
        #expect(
            try CertificateFacts(
                der: Self.certificate(for: Certificate.PrivateKey(P256.Signing.PrivateKey()).publicKey, names: [])
            )
            .publicKey != EllipticKey(pem: pem).publicKey())
    }

    @Test(
        "A name beside the host's own, or of another kind, is not the host's",
        arguments: [
            [], [.dnsName("slipway://host/web-1")],
            [.uniformResourceIdentifier("slipway://host/web-1"), .dnsName("web-1")],
            [.uniformResourceIdentifier("slipway://host/web-1"), .uniformResourceIdentifier("slipway://host/web-2")],
        ] as [[GeneralName]])
    func otherNames(_ names: [GeneralName]) throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey()).publicKey
        let facts = try CertificateFacts(der: try Self.certificate(for: key, names: names))
        #expect(!facts.isNamedOnly(uri: "slipway://host/web-1"))
    }

    @Test("Bytes that are no certificate are refused: cut anywhere, one bit changed, something behind it")
    func damagedCertificates() throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey()).publicKey
        let der = try Self.certificate(for: key, names: [.uniformResourceIdentifier("slipway://host/web-1")])
        for length in 0..<der.count {
            #expect(throws: EffectsError.self) { try CertificateFacts(der: Array(der.prefix(length))) }
        }
        #expect(throws: EffectsError.self) { try CertificateFacts(der: der + [0]) }
        // Whatever it reads as, it never ends the program.
        for at in der.indices {
            var changed = der
            changed[at] ^= 1 << (at % 8)
            _ = try? CertificateFacts(der: changed)
        }
    }

    @Test("A key of another kind, on another curve, encrypted or cut is refused with a word")
    func otherKeys() throws {
        let p384 = P384.Signing.PrivateKey().pemRepresentation
        let good = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let refused = [
            "", "no key", p384, try KeyGeneration.ed25519PrivateKeyPEM(),
            try KeyGeneration.ed25519PrivateKeyPEM(passphrase: Array("secret".utf8)), String(good.dropLast(60)),
        ]
        for pem in refused {
            #expect { _ = try EllipticKey(pem: pem).sign([1]) } throws: {
                ($0 as? EffectsError)?.code == "effects.key.form"
            }
        }
        let sec1 = P256.Signing.PrivateKey().pemRepresentation
        #expect(try EllipticKey(pem: sec1).sign([1]).count > 60)
    }
}
