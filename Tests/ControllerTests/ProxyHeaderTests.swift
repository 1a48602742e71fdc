import NIOCore
import NIOEmbedded
import Testing

@testable import ControllerLibrary

@Suite("The header of a proxy")
struct ProxyHeaderTests {
    private static func header(_ command: UInt8, _ family: UInt8, _ body: [UInt8], version: UInt8 = 2) -> [UInt8] {
        ProxyHeader.signature + [version << 4 | command, family, UInt8(body.count >> 8), UInt8(body.count & 0xFF)]
            + body
    }

    private static let four: [UInt8] = [192, 0, 2, 7, 10, 0, 0, 1, 0x1F, 0x90, 0x20, 0xFB]
    private static let six: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7] + [UInt8](repeating: 1, count: 20)
    private static let extra: [UInt8] = [0x04, 0x00, 0x03, 1, 2, 3]

    static let headers: [([UInt8], String?)] = [
        (header(1, 0x11, four), "192.0.2.7"), (header(1, 0x11, four + extra), "192.0.2.7"),
        (header(1, 0x21, six + extra), "2001:db8::7"), (header(0, 0x00, []), nil), (header(0, 0x11, four), nil),
        (header(1, 0x00, extra), nil),
    ]

    @Test(
        "A good one names the client, or nobody, however it is cut; what follows it is not touched", arguments: headers)
    func good(_ bytes: [UInt8], _ source: String?) throws {
        for end in 0..<bytes.count { #expect(try ProxyHeader.parse(bytes[..<end]) == nil, "\(end)") }
        let parsed = try #require(try ProxyHeader.parse(bytes + [0x16, 0x03]))
        #expect(parsed.size == bytes.count && parsed.source.flatMap(TrustedProxies.text) == source)
    }

    @Test("Anything else is told by its fault")
    func faults() {
        func fault(_ bytes: [UInt8]) -> ProxyHeader.Fault? {
            do throws(ProxyHeader.Fault) { _ = try ProxyHeader.parse(bytes) } catch { return error }
            return nil
        }
        #expect(fault([0x16, 0x03, 0x01]) == .signature)
        #expect(fault(Array("PROXY TCP4 192.0.2.7".utf8)) == .textual)
        #expect(fault(Self.header(1, 0x11, Self.four, version: 1)) == .version)
        #expect(fault(Self.header(2, 0x11, Self.four)) == .command)
        #expect(fault(Self.header(1, 0x12, Self.four)) == .family)
        #expect(fault(Self.header(1, 0x11, Array(Self.four.dropLast()))) == .length)
        #expect(fault(Self.header(1, 0x21, Array(Self.six.dropLast()))) == .length)
        #expect(fault(Self.header(0, 0x00, [UInt8](repeating: 0, count: 520))) == nil)
        #expect(fault(Self.header(0, 0x00, [UInt8](repeating: 0, count: 521))) == .length)
    }

    @Test("Arriving a byte at a time it is taken off, and TLS gets every byte after it and no other")
    func fragments() throws {
        var named: [ProxyHeader] = []
        let reader = ProxyHeaderReader {
            named.append($0)
            return true
        } refused: {
            Issue.record("\($0)")
        }
        let channel = EmbeddedChannel(handler: reader)
        for byte in Self.headers[1].0 + [0x16, 0x03, 0x01] { try channel.writeInbound(ByteBuffer(bytes: [byte])) }
        var passed: [UInt8] = []
        while let part = try channel.readInbound(as: ByteBuffer.self) { passed += part.readableBytesView }
        #expect(passed == [0x16, 0x03, 0x01] && named.count == 1)
        _ = try channel.finish()
    }

    @Test("Without a header the connection is closed, and nothing reaches TLS")
    func closed() throws {
        var faults: [ProxyHeader.Fault] = []
        let channel = EmbeddedChannel(
            handler: ProxyHeaderReader { _ in
                true
            } refused: {
                faults.append($0)
            })
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(ByteBuffer(bytes: [0x16, 0x03, 0x01]))
        #expect(faults == [.signature] && !channel.isActive)
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    }

    @Test("A network has the addresses of its prefix and no others; what is none is refused with its cure")
    func networks() throws {
        let proxies = try TrustedProxies(["10.0.0.16/28", "192.0.2.9", "fd00::/63"])
        for address in ["10.0.0.16", "10.0.0.31", "192.0.2.9", "::ffff:192.0.2.9", "fd00:0:0:1::5"] {
            #expect(proxies.contain(address), "\(address)")
        }
        for address in ["10.0.0.15", "10.0.0.32", "192.0.2.8", "fd00:0:0:2::5", "", "unknown"] {
            #expect(!proxies.contain(address), "\(address)")
        }
        let mapped = try TrustedProxies(["::ffff:10.0.0.16/124", "::ffff:192.0.2.9", "::/0"])
        #expect(["10.0.0.16", "10.0.0.31", "192.0.2.9", "fd00::5"].allSatisfy(mapped.contain))
        #expect(!["10.0.0.15", "10.0.0.32", "192.0.2.8"].contains(where: mapped.contain))
        for text in [
            "", "proxy", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/+8", "fd00::/129", "10.0.0.0/8/8",
        ] {
            #expect(throws: ControllerError.self, "\(text)") { try TrustedProxies([text]) }
        }
    }

    @Test("The log has one line a minute for each address")
    func log() {
        let (log, start) = (ProxyFaultLog(), NIODeadline.uptimeNanoseconds(1))
        #expect(log.mayWrite(of: "a", at: start) && log.mayWrite(of: "b", at: start))
        #expect(!log.mayWrite(of: "a", at: start + .seconds(59)))
        #expect(log.mayWrite(of: "a", at: start + .seconds(60)))
    }
}
