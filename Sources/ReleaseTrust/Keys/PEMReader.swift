import COpenSSL

/// What libcrypto's readers of PEM read from: a copy of the text, which lives until `close` and is then overwritten.
/// (`BIO_new_mem_buf` copies nothing: it would keep the address of an array that may be gone with the call.)
struct PEMReader {
    let input: OpaquePointer

    /// nil where there is no memory.
    init?(_ text: [UInt8]) {
        guard let input = BIO_new(BIO_s_mem()) else { return nil }
        guard BIO_write(input, text, Int32(clamping: text.count)) == Int32(clamping: text.count) else {
            BIO_free(input)
            return nil
        }
        self.input = input
    }

    func close() { BIO_free(input) }
}
