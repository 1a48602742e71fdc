import COpenSSL
import ReleaseDefinition

/// Both digests that SPDX 2.3 wants of a file. SHA-1 stands there because the format asks for it; nothing relies on it.
final class FileDigests {
    private var sha256: SHA256Hasher? = SHA256Hasher()
    private let sha1: OpaquePointer

    init() {
        // libcrypto answers nil here only when memory is gone; nothing sensible can go on.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha1(), nil) == 1 else {
            preconditionFailure("libcrypto cannot start a SHA-1 computation")
        }
        sha1 = context
    }

    deinit { EVP_MD_CTX_free(sha1) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        sha256?.update(bytes)
        EVP_DigestUpdate(sha1, bytes.baseAddress, bytes.count)
    }

    /// Called once. SHA-1 in hexadecimal.
    func finish() -> (sha256: SHA256Digest, sha1: String) {
        guard let sha256 = sha256.take() else { preconditionFailure("a file is finished once") }
        var bytes = [UInt8](repeating: 0, count: 20)
        EVP_DigestFinal_ex(sha1, &bytes, nil)
        return (sha256.finish(), Hexadecimal.encode(bytes))
    }

    static func sha1(of text: String) -> String {
        let digests = FileDigests()
        Array(text.utf8).withUnsafeBytes { digests.update($0) }
        return digests.finish().sha1
    }
}
