import AgentProtocol
import ReleaseDefinition

/// What somebody without any right may send on the way to a certificate: join strings, the header of an agent's session,
/// and the bodies of the routes that ask for no certificate.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let text = String(decoding: bytes, as: UTF8.self)
    do {
        let join = try JoinString(text)
        promise(join.controller.hasPrefix("https://"), "no token is sent in the clear")
        promise(try JoinString(join.text) == join, "what is written is read")
    } catch { refused(error) }
    // The same, behind the form: the fuzzer need not find base64.
    if let value = try? JSONCoding.decode(JoinString.self, from: bytes), value.isWellFormed,
        value.text.utf8.count <= 4096
    {
        promise(try JoinString(value.text) == value, "every join string that can be made can be read")
    }
    if let session = AgentSession(headerValue: text) {
        promise(session.headerValue == text, "there is one form of a session")
        promise(text.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "a session is printable")
    }
    do { _ = try JSONCoding.decode(JoinRequest.self, from: bytes) } catch { refused(error) }
    do {
        let proof = try JSONCoding.decode(RenewalProof.self, from: bytes)
        _ = proof.signatureBytes
        let signed = try proof.statement.signedBytes()
        promise(signed.starts(with: Array("DSSEv1 ".utf8)), "what is signed says what it is")
    } catch { refused(error) }
    return 0
}
