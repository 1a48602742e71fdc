import Hummingbird
import NIOCore
import ReleaseDefinition

/// The forms of an answer.
enum Responses {
    static let eventStream = "text/event-stream"

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        // Only a defect of a view type makes this fail; the caller then gets an empty object rather than a lie.
        let json = (try? JSONCoding.value(of: value)) ?? .object([])
        var response = self.bytes(json.wireBytes, type: "application/json", status: status)
        if status == .ok { response.headers[.eTag] = (value as? any PassinglyShown)?.weakTag ?? tag(json) }
        return response
    }

    /// Of what a GET shows.
    static func tag(of value: some Encodable) throws -> String {
        try (value as? any PassinglyShown)?.weakTag ?? tag(JSONCoding.value(of: value))
    }

    /// The same for the same content: members of a dictionary come in any order.
    fileprivate static func tag(_ value: JSONValue) -> String {
        "\"\(SHA256Digest(of: value.canonicalBytes).short)\""
    }

    /// What the caller has already is not sent again (RFC 9110 13.1.2). A weak tag leaves out what goes by, as a host's last
    /// contact: whoever looks again looks for that too.
    static func unlessKnown(_ response: Response, to request: Request) -> Response {
        guard request.method == .get, response.status == .ok, let tag = response.headers[.eTag],
            !tag.hasPrefix("W/"), request.headers[.ifNoneMatch] == tag
        else { return response }
        return Response(status: .notModified, headers: [.eTag: tag, .cacheControl: "no-store"])
    }

    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        bytes(Array(text.utf8), type: "text/plain; charset=utf-8", status: status)
    }

    static func bytes(_ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) -> Response {
        self.bytes(ByteBuffer(bytes: bytes), type: type, status: status)
    }

    static func bytes(_ bytes: ByteBuffer, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: type, .contentLength: String(bytes.readableBytes), .cacheControl: "no-store",
                .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: bytes))
    }

    /// The body of a `text/event-stream`: `run` writes lines until it returns, and is cancelled when the peer goes.
    static func events(
        _ request: Request, run: @escaping @Sendable (_ write: (String) async throws -> Void) async throws -> Void
    ) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: eventStream, .cacheControl: "no-store"],
            body: ResponseBody { writer in
                try? await request.body.consumeWithCancellationOnInboundClose { _ in
                    try await run { text in try await writer.write(ByteBuffer(string: text)) }
                }
                try await writer.finish(nil)
            })
    }
}

/// What shows, beside what people and hosts decide, something that goes by from second to second: its tag is weak (RFC 9110
/// 8.8.1) and made without that, or nobody could ever name in `If-Match` what they looked at.
protocol PassinglyShown: Encodable {
    associatedtype Lasting: Encodable
    var lasting: Lasting { get }
}

extension PassinglyShown {
    fileprivate var weakTag: String? { (try? JSONCoding.value(of: lasting)).map { "W/" + Responses.tag($0) } }
}

/// One event of a stream as its text (HTML Living Standard 9.2.6). JSON on the wire holds no line feed.
enum EventText {
    static let heartbeat = ": heartbeat\n\n"

    static func event(_ name: String, id: Int64, data: JSONValue) -> String {
        "id: \(id)\nevent: \(name)\ndata: \(String(decoding: data.wireBytes, as: UTF8.self))\n\n"
    }
}
