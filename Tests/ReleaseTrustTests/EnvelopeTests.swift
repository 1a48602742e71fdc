import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("DSSE envelopes")
struct EnvelopeTests {
    let type = "http://example.com/HelloWorld"
    let payload = Array("hello world".utf8)

    @Test("The pre-authentication encoding is that of the DSSE protocol's example")
    func encoding() {
        let envelope = DSSEEnvelope(payloadType: type, payload: payload, signatures: [])
        #expect(
            envelope.preAuthenticationEncoding
                == Array("DSSEv1 29 http://example.com/HelloWorld 11 hello world".utf8))
        let empty = DSSEEnvelope(payloadType: "", payload: [], signatures: [])
        #expect(empty.preAuthenticationEncoding == Array("DSSEv1 0  0 ".utf8))
    }

    @Test("What was signed is what is verified, also after a journey as JSON")
    func roundTrip() throws {
        let key = TestKeys.key("director")
        let envelope = try DSSEEnvelope.sign(payload, type: type, keys: [key])
        let arrived = try DSSEEnvelope(json: JSONValue(parsing: envelope.json.wireBytes))
        #expect(try arrived.verify(type: type, keys: [key.publicKey], threshold: 1) == payload)
    }

    @Test("Below the threshold nothing is verified, and a key counts once however often and as whomever it signs")
    func threshold() throws {
        let (one, two) = (TestKeys.key("one"), TestKeys.key("two"))
        var envelope = try DSSEEnvelope.sign(payload, type: type, keys: [one, one])
        envelope.signatures[1].keyID = two.publicKey.keyID
        let keys: Set = [one.publicKey, two.publicKey]
        expectRefusal("trust.envelope.signatures") { try envelope.verify(type: type, keys: keys, threshold: 2) }
        expectRefusal("trust.envelope.signatures") { try envelope.verify(type: type, keys: keys, threshold: 0) }
        expectRefusal("trust.envelope.signatures") {
            try envelope.verify(type: type, keys: [two.publicKey], threshold: 1)
        }
        let both = try DSSEEnvelope.sign(payload, type: type, keys: [one, two])
        #expect(try both.verify(type: type, keys: keys, threshold: 2) == payload)
    }

    @Test("A changed payload or type is refused")
    func changed() throws {
        let key = TestKeys.key("director")
        let envelope = try DSSEEnvelope.sign(payload, type: type, keys: [key])
        var other = envelope
        other.payload[0] ^= 1
        expectRefusal("trust.envelope.signatures") {
            try other.verify(type: type, keys: [key.publicKey], threshold: 1)
        }
        other = envelope
        other.payloadType = "text/plain"
        expectRefusal("trust.envelope.signatures") {
            try other.verify(type: "text/plain", keys: [key.publicKey], threshold: 1)
        }
        expectRefusal("trust.envelope.type") {
            try envelope.verify(type: "text/plain", keys: [key.publicKey], threshold: 1)
        }
    }

    @Test(
        "What is no envelope is refused",
        arguments: [
            "null", "{}", #"{"payload":"","payloadType":"t"}"#, #"{"payload":"!","payloadType":"t","signatures":[]}"#,
            #"{"payload":"aGk","payloadType":"t","signatures":[]}"#,
            #"{"payload":"aGl=","payloadType":"t","signatures":[]}"#,
            #"{"payload":"","payloadType":"t","signatures":[{}]}"#,
            #"{"payload":"","payloadType":"t","signatures":[{"sig":7}]}"#,
        ])
    func malformed(text: String) throws {
        let json = try JSONValue(parsing: Array(text.utf8))
        expectRefusal("trust.envelope.form") { try DSSEEnvelope(json: json) }
    }
}
