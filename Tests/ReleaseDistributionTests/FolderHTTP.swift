import Effects
import ReleaseDefinition
import ReleaseDistribution
import Synchronization

/// A web server without a network: answers from a folder, with ranges and tags, and with the faults that a test plants.
final class FolderHTTP: HTTPDoor {
    struct Answer: Sendable {
        var status = 200
        var headers: [HTTPField] = []
        var body: [UInt8] = []
        /// After so many bytes the connection breaks.
        var breaksAfter: Int?
    }

    static let base = "http://repository.test/base"
    private let root: Directory
    private let pieceSize: Int
    private let fault: @Sendable (_ path: String, _ number: Int, inout Answer) throws -> Void
    private let state = Mutex<[(path: String, range: String?)]>([])

    /// - Parameter fault: changes the answer to the request of that number (from 0), or throws in its stead.
    init(
        _ root: Directory, pieceSize: Int = 16 << 10,
        fault: @escaping @Sendable (_ path: String, _ number: Int, inout Answer) throws -> Void = { _, _, _ in }
    ) {
        self.root = root
        self.pieceSize = pieceSize
        self.fault = fault
    }

    var paths: [String] { state.withLock { $0.map(\.path) } }
    var ranges: [String?] { state.withLock { $0.map(\.range) } }
    func forget() { state.withLock { $0 = [] } }

    static func closed() -> EffectsError {
        EffectsError(code: "http.closed", summary: "The test closed the connection.", remedy: "None.")
    }

    private func answer(_ request: HTTPRequest) throws -> Answer {
        let path = String(request.url.dropFirst(Self.base.count + 1))
        func header(_ name: String) -> String? { request.headers.first { $0.name == name }?.value }
        let number = state.withLock { state in
            state.append((path, header("Range")))
            return state.count - 1
        }
        var answer = Answer()
        if let bytes = try? root.read(path, sizeMax: ByteCount(1 << 30)) {
            let tag = "\"\(SHA256Digest(of: bytes).short)\""
            answer.headers = [HTTPField("ETag", tag)]
            if let known = header("If-None-Match"), known == "*" || known == tag || known == "W/" + tag {
                answer.status = 304
            } else if let range = header("Range").flatMap({ Self.range($0, of: bytes.count) }) {
                answer.status = 206
                answer.headers.append(
                    HTTPField("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)"))
                answer.body = Array(bytes[range])
            } else {
                answer.body = bytes
            }
        } else {
            answer.status = 404
        }
        try fault(path, number, &answer)
        return answer
    }

    /// `bytes=5-9`, `bytes=5-`.
    private static func range(_ text: String, of count: Int) -> Range<Int>? {
        let parts = text.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = Int(parts[0]), start < count else { return nil }
        return start..<min(count, Int(parts[1]).map { $0 + 1 } ?? count)
    }

    private static func tooLarge(_ request: HTTPRequest) -> EffectsError {
        EffectsError(code: "http.bodyTooLarge", summary: "\(request.url) is too large.", remedy: "None.")
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let answer = try answer(request)
        if answer.breaksAfter != nil { throw Self.closed() }
        guard answer.body.count <= request.responseSizeMax.value else { throw Self.tooLarge(request) }
        return HTTPResponse(head: HTTPHead(status: answer.status, headers: answer.headers), body: answer.body)
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let answer = try answer(request)
        try await head(HTTPHead(status: answer.status, headers: answer.headers))
        let end = min(answer.breaksAfter ?? answer.body.count, answer.body.count)
        for start in stride(from: 0, to: end, by: pieceSize) {
            let next = min(start + pieceSize, end)
            guard next <= request.responseSizeMax.value else { throw Self.tooLarge(request) }
            try await receive(Array(answer.body[start..<next]))
        }
        if answer.breaksAfter != nil { throw Self.closed() }
    }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}

/// Time in which every sleep is over at once; it keeps what was slept.
final class HurriedTime: TimeDoor {
    private let state = Mutex<[TimeSpan]>([])
    var slept: [TimeSpan] { state.withLock { $0 } }

    func now() -> UTCInstant { TestRepository.now }
    func monotonic() -> TimeSpan { .zero }
    func sleep(for span: TimeSpan) async throws {
        try Task.checkCancellation()
        state.withLock { $0.append(span) }
    }
}
