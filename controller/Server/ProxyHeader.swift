import NIOCore

/// The header of the PROXY protocol, version 2, with which a proxy begins a connection that it passes on.
/// Source: haproxy.org, proxy-protocol.txt, section 2.2.
struct ProxyHeader: Sendable, Equatable {
    /// Why these bytes are no header that is taken; each is a reason to close the connection.
    enum Fault: String, Error {
        case signature = "it does not begin with the PROXY protocol's version 2"
        case textual = "it begins with version 1 of the PROXY protocol, of which only version 2 is taken"
        case version = "its version is not 2"
        case command = "its command is neither LOCAL nor PROXY"
        case family = "its addresses are not of TCP over IPv4 or IPv6"
        case length = "it is longer than 536 bytes, or shorter than its addresses"
    }

    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// Bytes, the fixed part of 16 among them.
    static let sizeMax = 536
    private static let fixedSize = 16
    private static let textual = Array("PROXY ".utf8)

    /// Bytes of the whole header, after which TLS begins.
    var size: Int
    /// Of the client, 4 or 16 bytes; nil: the connection is the proxy's own (LOCAL), or it does not say whose (UNSPEC).
    var source: [UInt8]?

    /// - Returns: nil where the header goes on beyond these bytes.
    /// - Throws: `Fault`, as soon as the bytes tell.
    static func parse(_ bytes: some Collection<UInt8>) throws(Fault) -> ProxyHeader? {
        // A header and no more: what follows is TLS's.
        let bytes = Array(bytes.prefix(sizeMax))
        let begin = bytes.prefix(signature.count)
        guard begin.elementsEqual(signature.prefix(begin.count)) else {
            throw begin.starts(with: textual) ? .textual : .signature
        }
        guard bytes.count > 12 else { return nil }
        guard bytes[12] >> 4 == 2 else { throw .version }
        let command = bytes[12] & 0x0F
        guard command <= 1 else { throw .command }
        guard bytes.count >= fixedSize else { return nil }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard fixedSize + length <= sizeMax else { throw .length }
        // Both addresses and both ports; further fields (TLVs) follow them and are not read.
        let sourceSize: Int
        switch bytes[13] {
        case _ where command == 0: sourceSize = 0
        case 0x00: sourceSize = 0
        case 0x11: sourceSize = 4
        case 0x21: sourceSize = 16
        default: throw .family
        }
        guard sourceSize == 0 || length >= 2 * sourceSize + 4 else { throw .length }
        guard bytes.count >= fixedSize + length else { return nil }
        let source = sourceSize == 0 ? nil : Array(bytes[fixedSize..<fixedSize + sourceSize])
        return ProxyHeader(size: fixedSize + length, source: source)
    }
}
