import ReleaseDefinition
import Testing

@testable import Effects

/// Random answers over a real connection: every way to frame a body, honest and not, cut into pieces of any size.
@Suite("The HTTP body reader")
struct BodyReaderTests {
    /// How an answer says where its body ends.
    private enum Framing: CaseIterable {
        case length, chunked, untilClose
        // What no honest server sends.
        case tooLong, tooShort, twoLengths, noNumber, negative, hugeChunk, noChunkSize, noLastChunk, lengthAndChunked

        var isHonest: Bool { [.length, .chunked, .untilClose].contains(self) }
    }

    private struct Chance {
        private var state: UInt64
        init(seed: UInt64) { state = seed }

        mutating func below(_ bound: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return Int((value ^ (value >> 31)) % UInt64(bound))
        }
    }

    private struct Exchange {
        var framing: Framing
        var body: String
        var sizeMax: Int
        var steps: [TestServer.Step]

        init(seed: Int) {
            var chance = Chance(seed: UInt64(seed))
            framing = Framing.allCases[chance.below(Framing.allCases.count)]
            // Never empty: a lie about nothing is none.
            let count = 1 + chance.below([40, 5_000, 70_000][chance.below(3)])
            body = String(repeating: "abcdefghij\r\n0", count: count / 13 + 1).prefix(count).description
            sizeMax = [count, count - 1, count / 2, 2 * count, 0][chance.below(5)]
            steps = Self.cut(Self.answer(framing, body, &chance), &chance) + [.close]
        }

        private static func answer(_ framing: Framing, _ body: String, _ chance: inout Chance) -> String {
            let start = "HTTP/1.1 200 OK\r\nX: y\r\n"
            let count = body.utf8.count
            func lengths(_ values: String...) -> String {
                start + values.map { "Content-Length: \($0)\r\n" }.joined() + "\r\n" + body
            }
            let chunked = start + "Transfer-Encoding: chunked\r\n\r\n"
            switch framing {
            case .length: return lengths("\(count)")
            case .untilClose: return start + "\r\n" + body
            case .tooLong: return lengths("\(count + 1 + chance.below(1 << 40))")
            case .tooShort: return lengths("\(chance.below(count))")
            case .twoLengths: return lengths("\(count)", "\(count + 1)")
            case .noNumber: return lengths(["x", "1e3", "0x10", "+5", "99999999999999999999999"][chance.below(5)])
            case .negative: return lengths("-\(count)")
            case .chunked: return chunked + chunks(body, &chance) + "0\r\n\r\n"
            case .hugeChunk: return chunked + "fffffffffffffff\r\n" + body
            case .noChunkSize: return chunked + "zz\r\n" + body
            case .noLastChunk: return chunked + chunks(body, &chance)
            case .lengthAndChunked:
                return start + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(body, &chance)
                    + "0\r\n\r\n"
            }
        }

        private static func chunks(_ body: String, _ chance: inout Chance) -> String {
            var (rest, text) = (body[...], "")
            while !rest.isEmpty {
                let piece = rest.prefix(1 + chance.below(9_000))
                text += String(piece.utf8.count, radix: 16) + (chance.below(4) == 0 ? ";a=b" : "") + "\r\n\(piece)\r\n"
                rest = rest.dropFirst(piece.count)
            }
            return text
        }

        private static func cut(_ text: String, _ chance: inout Chance) -> [TestServer.Step] {
            var (rest, steps) = (Array(text.utf8)[...], [TestServer.Step]())
            while !rest.isEmpty {
                let size = 1 + chance.below([3, 400, 30_000][chance.below(3)])
                // Many tiny pieces of a long body would measure the machine.
                let piece = rest.prefix(steps.count < 200 ? size : rest.count)
                steps.append(.send(String(decoding: piece, as: UTF8.self)))
                rest = rest.dropFirst(piece.count)
            }
            return steps
        }
    }

    @Test("Of 600 random answers each is the whole body within its bound, or refused with a word")
    func randomAnswers() async throws {
        let exchanges = (0..<600).map(Exchange.init)
        let server = try await TestServer { request in
            let number = request.split(separator: " ").dropFirst().first.flatMap { Int($0.dropFirst()) } ?? 0
            return exchanges[number].steps
        }
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-test/1")
        for (number, exchange) in exchanges.enumerated() {
            let request = HTTPRequest(
                "GET", "http://127.0.0.1:\(server.port)/\(number)", headers: [HTTPField("Connection", "close")],
                responseSizeMax: ByteCount(exchange.sizeMax))
            let isWhole = exchange.body.utf8.count <= exchange.sizeMax
            do {
                let body = try await http.send(request).body
                #expect(body.count <= exchange.sizeMax, "\(number)")
                // A server that announces less than it sends has sent that much.
                let expected = Array(exchange.body.utf8)
                switch exchange.framing {
                case .tooShort: #expect(expected.starts(with: body), "\(number)")
                case .lengthAndChunked: #expect(body == expected || body == Array(expected.prefix(1)), "\(number)")
                default: #expect(exchange.framing.isHonest && body == expected, "\(number): \(exchange.framing)")
                }
            } catch let error as EffectsError {
                #expect(error.code.hasPrefix("effects.http."), "\(number): \(error.code)")
                #expect(!exchange.framing.isHonest || !isWhole, "\(number): \(exchange.framing), \(error)")
                if exchange.framing.isHonest { #expect(error.code == "effects.http.bodyTooLarge", "\(number)") }
            }
        }
        await http.shutdown()
        try await server.stop()
    }
}
