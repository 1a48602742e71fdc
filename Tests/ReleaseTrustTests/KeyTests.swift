import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Keys")
struct KeyTests {
    /// RFC 8032 7.1, TEST 1 to 3 and TEST SHA(abc).
    static let vectors: [(seed: String, publicKey: String, message: String, signature: String)] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ]

    @Test("The vectors of RFC 8032 sign and verify to the bit", arguments: vectors)
    func rfc8032(vector: (seed: String, publicKey: String, message: String, signature: String)) throws {
        let key = TestKeys.key(seed: try #require(Hexadecimal.decode(vector.seed)))
        let message = try #require(Hexadecimal.decode(vector.message))
        let signature = try #require(Hexadecimal.decode(vector.signature))
        #expect(Hexadecimal.encode(key.publicKey.bytes) == vector.publicKey)
        #expect(try key.sign(message) == signature)
        #expect(key.publicKey.verify(signature: signature, over: message))
        for position in [0, 31, 32, 63] {
            var damaged = signature
            damaged[position] ^= 1
            #expect(!key.publicKey.verify(signature: damaged, over: message))
        }
        #expect(!key.publicKey.verify(signature: signature, over: message + [0]))
    }

    /// libcrypto reads from a copy of its own: it once read from an array that an optimised build had let go of.
    @Test("A key file is read behind any length of words before it", arguments: [0, 10, 500, 1000, 5000, 100_000])
    func words(count: Int) throws {
        let words = count == 0 ? "" : String(repeating: "#", count: count) + "\n"
        let key = TestKeys.key("root").publicKey
        #expect(try PublicKey(file: words + key.fileText) == key)
        #expect(throws: TrustError.self) { try PublicKey(file: words) }
    }

    @Test("A signature of another length is no signature", arguments: [0, 1, 63, 65, 128])
    func signatureLength(count: Int) {
        #expect(!TestKeys.key("root").publicKey.verify(signature: [UInt8](repeating: 0, count: count), over: []))
    }

    @Test("A signature whose S was raised by the group order is refused")
    func malleable() throws {
        let key = TestKeys.key("root")
        var signature = try key.sign([1])
        let order = try #require(
            Hexadecimal.decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"))
        var carry: UInt16 = 0
        for position in 0..<32 {
            let sum = UInt16(signature[32 + position]) + UInt16(order[position]) + carry
            signature[32 + position] = UInt8(truncatingIfNeeded: sum)
            carry = sum >> 8
        }
        #expect(!key.publicKey.verify(signature: signature, over: [1]))
    }

    /// The eight points of small order, with both signs, and their encodings that are not canonical.
    @Test(
        "A key of small order is refused, because one signature fits every message",
        arguments: [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        ])
    func smallOrder(hex: String) throws {
        let bytes = try #require(Hexadecimal.decode(hex))
        expectRefusal("trust.key.weak") { try PublicKey(ed25519: bytes) }
    }

    @Test(
        "A key that is not canonically encoded is refused",
        arguments: [
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ])
    func notCanonical(hex: String) throws {
        let bytes = try #require(Hexadecimal.decode(hex))
        expectRefusal("trust.key.form") { try PublicKey(ed25519: bytes) }
    }

    @Test("A key of another length is refused", arguments: [0, 31, 33, 64])
    func length(count: Int) {
        expectRefusal("trust.key.form") { try PublicKey(ed25519: [UInt8](repeating: 9, count: count)) }
    }

    @Test("A key id is the hash of the canonical key object, as securesystemslib computes it")
    func keyID() throws {
        let key = try PublicKey(ed25519: try #require(Hexadecimal.decode(Self.vectors[0].publicKey)))
        let canonical =
            #"{"keytype":"ed25519","keyval":{"public":"\#(Self.vectors[0].publicKey)"},"scheme":"ed25519"}"#
        #expect(key.json.canonicalBytes == Array(canonical.utf8))
        #expect(key.keyID == SHA256Digest(of: Array(canonical.utf8)).hex)
    }

    @Test("A text that is no unencrypted Ed25519 key is refused without asking anybody for a passphrase")
    func pem() {
        let p256 = """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbC42d0d70/xX2zEA
            mXNWU/z51b60m49WTLthulyi5vWhRANCAARIc1nPpWEugaXimiz3zEzDHWlSUZi6
            HQ1iF06t0ISOPPkA/5ywyYKZBM1cOuWq8YJdGOjoIq2NkZDh33plmLDb
            -----END PRIVATE KEY-----
            """
        let encrypted = """
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhWB62TU2xrhwICCAAw
            DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEDSsihLo9nhUTWbBc8cOe9AEQADy
            yW2LMiFF0hSgNCUlJ4tjttL73XB5WSxlGVKzYdybfNm6g6aBs5uyrnHsw3QtGiir
            UjW8bK58xsS+S6W9oRQ=
            -----END ENCRYPTED PRIVATE KEY-----
            """
        expectRefusal("trust.key.passphrase") { try SigningKey(pem: encrypted) }
        expectRefusal("trust.key.passphrase") { try SigningKey(pem: encrypted, passphrase: Array("wrong".utf8)) }
        for text in ["", "no key", p256, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            expectRefusal("trust.key.form") { try SigningKey(pem: text) }
        }
    }

    @Test("A signing key prints nothing of itself")
    func secret() {
        let key = TestKeys.key("root")
        let seed = SHA256Digest(of: Array("insecure-test-root".utf8))
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped, "\(TestKeys.solo)"] {
            #expect(!text.contains("\(seed.bytes[0]), \(seed.bytes[1])") && !text.contains(seed.hex.prefix(8)))
        }
    }
}
