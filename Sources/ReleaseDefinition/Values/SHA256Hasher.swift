import COpenSSL

/// SHA-256 in pieces, by the system's libcrypto. Pure: same bytes, same digest.
///
/// `@unchecked Sendable`: it cannot be copied, so its owner alone has the context, which is bound to no thread.
public struct SHA256Hasher: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer
    /// Looked up once: with the plain name libcrypto looks through its providers, under a lock, for each of a tree's files.
    /// Never written again and never freed.
    nonisolated(unsafe) private static let algorithm = EVP_MD_fetch(nil, "SHA256", nil) ?? EVP_sha256()

    public init() {
        // libcrypto answers nil here only when memory is gone; nothing sensible can go on.
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, Self.algorithm, nil) == 1 else {
            preconditionFailure("libcrypto cannot start a SHA-256 computation")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ bytes: some Collection<UInt8>) {
        let direct: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if direct == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    public consuming func finish() -> SHA256Digest {
        withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { bytes in
            EVP_DigestFinal_ex(context, bytes.baseAddress, nil)
            return SHA256Digest(loading: UnsafeRawBufferPointer(bytes))
        }
    }
}

extension SHA256Digest {
    public init(of bytes: some Collection<UInt8>) {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        self = hasher.finish()
    }

    /// HMAC-SHA256 (RFC 2104), by the system's libcrypto.
    public init(authenticating message: [UInt8], key: [UInt8]) {
        var mac = [UInt8](repeating: 0, count: 32)
        var length = 0
        // A key of no bytes needs an address too: without one libcrypto takes none.
        let keyBytes = key.isEmpty ? [0] : key
        let made = EVP_Q_mac(
            nil, "HMAC", nil, "SHA256", nil, keyBytes, key.count, message, message.count, &mac, mac.count, &length)
        guard made != nil, length == mac.count else { preconditionFailure("libcrypto cannot compute an HMAC") }
        self = mac.withUnsafeBytes { SHA256Digest(loading: $0) }
    }
}
