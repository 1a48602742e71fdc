import ReleaseDefinition

/// The one way to talk HTTP. Redirects are never followed; every transfer is bounded in bytes and time.
public protocol HTTPDoor: Sendable {
    /// Sends and collects the whole body.
    /// - Throws: `EffectsError` `effects.http.…`: url, unreachable, tls.untrusted, tls.hostName, tls.refused, tls.failed,
    ///   closed, protocol, timeout, stalled, bodyTooLarge. A status is never an error here.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse

    /// Sends and hands the body on in pieces as they arrive; `receive` is called after `head` and never concurrently.
    /// Back-pressure: the next piece is read after `receive` returned.
    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws

    /// Opens a `text/event-stream`. Ends with an error when the peer closes (`effects.http.closed`), when `silenceMax`
    /// passed without a byte (`.silent`), when the answer is no stream (`.status`, with the status in the summary) or an
    /// event is too large (`.eventTooLarge`). Reading on means opening anew. A slow reader holds the sender back.
    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error>
}

public struct HTTPRequest: Sendable {
    public var method: String
    public var url: String
    public var headers: [HTTPField]
    public var body: [UInt8]?
    /// Instead of `body`: a file that is sent as it is read, from its beginning to the end that it has now.
    public var bodyFile: OpenFile?
    /// Is told how many bytes of `bodyFile` were handed to the connection, after each piece, on any thread.
    public var bodySent: (@Sendable (Int64) -> Void)?
    /// The response body may not be longer; more is an error, not a truncation.
    public var responseSizeMax: ByteCount
    /// For the whole exchange (for `events`: until the head has come).
    public var timeout: TimeSpan

    public init(
        _ method: String, _ url: String, headers: [HTTPField] = [], body: [UInt8]? = nil,
        bodyFile: OpenFile? = nil, responseSizeMax: ByteCount = ByteCount(8 << 20), timeout: TimeSpan = .seconds(30)
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.bodyFile = bodyFile
        self.responseSizeMax = responseSizeMax
        self.timeout = timeout
    }
}

public struct HTTPField: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

public struct HTTPHead: Sendable, Equatable {
    public var status: Int
    public var headers: [HTTPField]

    public init(status: Int, headers: [HTTPField]) {
        self.status = status
        self.headers = headers
    }

    /// The first header of that name, in any case.
    public subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

public struct HTTPResponse: Sendable, Equatable {
    public var head: HTTPHead
    public var body: [UInt8]
    public var status: Int { head.status }

    public init(head: HTTPHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}

public struct ServerSentEvent: Sendable, Equatable {
    public var id: String?
    public var name: String
    public var data: String

    public init(id: String?, name: String, data: String) {
        self.id = id
        self.name = name
        self.data = data
    }
}

/// Who we are and whom we believe. The system's certificate store is never used.
public struct TLSIdentity: Sendable {
    /// PEM bundle of certificate authorities.
    public var trustRoots: String
    /// PEM; both nil where the client has no certificate.
    public var certificateChain: String?
    public var privateKey: String?

    public init(trustRoots: String, certificateChain: String? = nil, privateKey: String? = nil) {
        self.trustRoots = trustRoots
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}
