import ReleaseDefinition
import SwiftASN1
import X509

/// A host's request for a certificate, as PEM text or as the DER in it: refused with a word, or a P-256 key whose holder
/// signed the request. `HostKey` is the controller's own file; `X509` and `SwiftASN1` are fuzzed along.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    for text in [
        String(decoding: bytes, as: UTF8.self), PEMDocument(type: "CERTIFICATE REQUEST", derBytes: bytes).pemString,
    ] {
        do {
            let key = try HostKey(signingRequestPEM: text)
            promise(text.utf8.count <= HostKey.requestSizeMax, "its length is bounded")
            promise(key.publicKey.subjectPublicKeyInfoBytes.count == 65, "one form of a P-256 key")
            promise(try HostKey(signingRequestPEM: text).digest == key.digest, "read the same twice")
        } catch { refused(error) }
    }
    return 0
}

/// What the controller throws, without its web server's types.
struct ControllerError: ReportableError {
    var code: String
    var summary: String
    var remedy: String
    var cause: String?

    static func badRequest(_ code: String, _ summary: String, remedy: String, cause: String? = nil) -> Self {
        Self(code: "controller.request." + code, summary: summary, remedy: remedy, cause: cause)
    }
}
