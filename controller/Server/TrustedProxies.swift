import Logging
import NIOCore
import Synchronization

/// `proxies` in `controller.json`: who must begin each connection with a PROXY header, and is believed.
struct TrustedProxies: Sendable {
    private struct Network: Sendable {
        /// 4 or 16 bytes.
        var bytes: [UInt8]
        var prefix: Int

        func contains(_ address: [UInt8]) -> Bool {
            guard address.count == bytes.count else { return false }
            return zip(address, bytes).enumerated().allSatisfy { index, pair in
                let bits = min(max(prefix - index * 8, 0), 8)
                let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
                return pair.0 & mask == pair.1 & mask
            }
        }
    }

    private let networks: [Network]
    var isEmpty: Bool { networks.isEmpty }

    /// - Parameter texts: addresses (`10.0.0.9`, `fd00::9`) and networks (`10.0.0.0/28`).
    /// - Throws: `controller.setup.proxies`.
    init(_ texts: [String]) throws { networks = try texts.map(Self.network) }

    func contain(_ address: String) -> Bool {
        guard !networks.isEmpty, let bytes = NetworkAddress.bytes(of: address) else { return false }
        let plain = Self.plain(bytes)
        return networks.contains { $0.contains(plain) }
    }

    /// As inet_ntop(3) writes it; IPv4 in IPv6 as IPv4.
    static func text(_ bytes: [UInt8]) -> String? {
        (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: plain(bytes)), port: 0))?.ipAddress
    }

    /// A socket that listens on IPv6 tells of IPv4 so: ::ffff:10.0.0.9.
    private static func plain(_ bytes: [UInt8]) -> [UInt8] {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        return bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes.suffix(4)) : bytes
    }

    private static func network(_ text: String) throws -> Network {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let address = parts.first.flatMap { NetworkAddress.bytes(of: String($0)) }
        let prefix = parts.count == 2 ? Int(parts[1]) : address.map { $0.count * 8 }
        guard let address, let prefix, (0...address.count * 8).contains(prefix),
            parts.count == 1 || parts[1].allSatisfy(\.isNumber)
        else {
            throw ControllerError.setup(
                "proxies", "\(text.debugDescription) in proxies is neither an address nor a network.",
                remedy:
                    "Write in controller.json an address or a network of proxies, as 10.0.0.9, 10.0.0.0/28 or fd00::/64."
            )
        }
        // Written so it is the same: what comes is compared as IPv4.
        let (plain, before) = (Self.plain(address), (address.count - Self.plain(address).count) * 8)
        return prefix < before
            ? Network(bytes: address, prefix: prefix) : Network(bytes: plain, prefix: prefix - before)
    }
}

/// Takes the header off a proxy's connection, before TLS sees it.
final class ProxyHeaderReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum State { case reading(ByteBuffer), done, refused }

    private var state = State.reading(ByteBuffer())
    private let whole: (ProxyHeader) -> Bool
    private let refused: (ProxyHeader.Fault) -> Void

    /// - Parameters:
    ///   - whole: false where the connection is to be closed after all.
    ///   - refused: called once, before the connection is closed.
    init(whole: @escaping (ProxyHeader) -> Bool, refused: @escaping (ProxyHeader.Fault) -> Void) {
        (self.whole, self.refused) = (whole, refused)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .done: context.fireChannelRead(data)
        case .refused: break
        case .reading(var bytes):
            var arrived = unwrapInboundIn(data)
            bytes.writeBuffer(&arrived)
            do throws(ProxyHeader.Fault) {
                guard let header = try ProxyHeader.parse(bytes.readableBytesView) else {
                    state = .reading(bytes)
                    return
                }
                guard whole(header) else { return refuse(context) }
                state = .done
                bytes.moveReaderIndex(forwardBy: header.size)
                if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(bytes)) }
            } catch {
                refused(error)
                refuse(context)
            }
        }
    }

    private func refuse(_ context: ChannelHandlerContext) {
        state = .refused
        context.close(promise: nil)
    }
}

/// One line a minute for each address, whatever comes from there.
final class ProxyFaultLog: Sendable {
    private static let pause = TimeAmount.minutes(1)
    private static let addressesMax = 256
    private let last = Mutex<[String: NIODeadline]>([:])

    func mayWrite(of address: String, at now: NIODeadline) -> Bool {
        last.withLock { last in
            if let before = last[address], now < before + Self.pause { return false }
            if last.count >= Self.addressesMax { last = last.filter { now < $0.value + Self.pause } }
            guard last.count < Self.addressesMax else { return false }
            last[address] = now
            return true
        }
    }

    func write(_ fault: ProxyHeader.Fault, of address: String, to logger: Logger) {
        guard mayWrite(of: address, at: .now()) else { return }
        logger.warning(
            "A connection of the proxy \(address) was closed: \(fault.rawValue). Let the proxy send version 2 (HAProxy: send-proxy-v2, check-send-proxy), or take it out of proxies in controller.json."
        )
    }
}
