import COpenSSL
import ReleaseDefinition

/// Length and hashes of a target whose bytes come in pieces. TUF 5.7.3.
public final class TargetVerifier {
    private let target: TargetFile
    private var count: Int64 = 0
    private let sha256 = MessageDigest(EVP_sha256(), length: 32)
    private let sha512: MessageDigest?

    init(_ target: TargetFile) {
        self.target = target
        sha512 = target.hashes.hasSHA512 ? MessageDigest(EVP_sha512(), length: 64) : nil
    }

    public func update(_ bytes: [UInt8]) {
        count += Int64(bytes.count)
        sha256.update(bytes)
        sha512?.update(bytes)
    }

    /// The last check before the bytes are used.
    /// - Throws: `trust.target.length`, `trust.target.hash`.
    public func finish() throws(TrustError) {
        guard TrustCheck.targetLength.holds(count == target.length.value) else {
            throw TrustError(
                code: "target.length",
                summary: "\(target.path) has \(count) bytes, its role says \(target.length.value).",
                remedy: "Nothing was accepted. Fetch it again; if that does not help, publish the release again.")
        }
        guard let bytes = sha256.finish() else {
            throw TrustError(
                code: "target.hash", summary: "The hash of \(target.path) could not be computed.",
                remedy: "See that the system's libcrypto offers SHA-256.")
        }
        let found = SHA256Digest(bytes: bytes)
        guard TrustCheck.targetHash.holds(target.hashes.match(sha256: found, sha512: sha512?.finish())) else {
            throw TrustError(
                code: "target.hash", summary: "\(target.path) has the hash \(found), its role says \(target.hashes).",
                remedy: "Nothing was accepted. Fetch it again; if that does not help, publish the release again.")
        }
    }
}

/// A running hash by libcrypto.
final class MessageDigest {
    private let context: OpaquePointer?
    private let length: Int
    private var isSound: Bool

    init(_ algorithm: OpaquePointer?, length: Int) {
        context = EVP_MD_CTX_new()
        self.length = length
        isSound = context != nil && EVP_DigestInit_ex(context, algorithm, nil) == 1
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: [UInt8]) { isSound = isSound && EVP_DigestUpdate(context, bytes, bytes.count) == 1 }

    /// Once; nil when libcrypto failed, which equals no hash.
    func finish() -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: length)
        guard isSound, EVP_DigestFinal_ex(context, &digest, nil) == 1 else { return nil }
        isSound = false
        return digest
    }

    static func sha512(of bytes: [UInt8]) -> [UInt8]? {
        let digest = MessageDigest(EVP_sha512(), length: 64)
        digest.update(bytes)
        return digest.finish()
    }
}
