import ReleaseDefinition

/// What the root half of an agent says to its network half, over a socket of this machine. Each is one message of JSON of at
/// most `messageSizeMax`; the bytes of bodies travel through a descriptor that comes with it.
///
/// The network half obeys; the root half believes nothing that it answers. Both are one program: a version of it that knows
/// a message not refuses it, and its connection ends.
public enum HalfQuestion: Sendable, Equatable, Codable {
    public static let messageSizeMax = 64 << 10

    /// First: whom the network half serves. With a descriptor, a file in memory, where the repository has authorities of its
    /// own: their certificates (PEM).
    case begin(settings: HalfSettings)
    /// Answered by `head`, with a pipe that the body comes through, and `whole`. With a descriptor where the request has a
    /// body: a file in memory.
    case http(id: Int64, request: HalfRequest)
    /// Opens a stream of events. Each is sent when it was asked for by `next`.
    case events(id: Int64, request: HalfRequest, silenceMax: TimeSpan)
    case next(id: Int64)
    /// Whether a fresh connection to `host:port` is taken. Answered by `reached`.
    case reach(id: Int64, address: String, timeout: TimeSpan)
    /// Nobody waits for the answer any more, or there was one.
    case end(id: Int64)
    /// What was heard of this host's own identity, which the network half keeps.
    case standing(heard: HalfNews)

    public init(parsing bytes: [UInt8]) throws {
        self = try JSONCoding.decode(Self.self, from: bytes, limits: JSONLimits(bytesMax: Self.messageSizeMax))
    }

    public var bytes: [UInt8] { get throws { try JSONCoding.value(of: self).wireBytes } }
}

/// What of `agent.json` the network half works by: it cannot read that file.
public struct HalfSettings: Sendable, Equatable, Codable {
    /// A connection between two of different numbers ends at once.
    public static let protocolNumber = 2

    public var number: Int
    public var host: HostID
    /// nil on a host that only follows a repository.
    public var controller: String?
    /// Which machine this is, and which run of its kernel: for the session that the controller is told of.
    public var machine: String
    public var boot: String
    public var proxy: HalfProxy?

    public init(host: HostID, controller: String?, machine: String, boot: String, proxy: HalfProxy? = nil) {
        number = Self.protocolNumber
        self.host = host
        self.controller = controller
        self.machine = machine
        self.boot = boot
        self.proxy = proxy
    }
}

/// Through which everything outside is asked.
public struct HalfProxy: Sendable, Equatable, Codable {
    public var host: String
    public var port: Int
    public var except: [String]
    /// `user:password`.
    public var credential: String?

    public init(host: String, port: Int, except: [String], credential: String?) {
        self.host = host
        self.port = port
        self.except = except
        self.credential = credential
    }
}

public struct HalfRequest: Sendable, Equatable, Codable {
    public enum Door: String, Sendable, Codable {
        /// Controller and repository, with this host's certificate.
        case host
        /// A repository with authorities of its own.
        case repository
        /// What runs on this host: no certificate is shown.
        case local
    }

    public var door: Door
    public var method: String
    public var url: String
    public var headers: [HalfHeader]
    /// Of the answer's body.
    public var sizeMax: ByteCount
    public var timeout: TimeSpan

    public init(
        door: Door, method: String, url: String, headers: [HalfHeader], sizeMax: ByteCount, timeout: TimeSpan
    ) {
        self.door = door
        self.method = method
        self.url = url
        self.headers = headers
        self.sizeMax = sizeMax
        self.timeout = timeout
    }
}

public struct HalfHeader: Sendable, Equatable, Codable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// What an answer or the stream of the controller said of this host as such.
public enum HalfNews: Sendable, Equatable, Codable {
    /// A new certificate is to be had before its time.
    case renew
    /// The controller does not take this host.
    case refused(notice: IdentityNotice)
    /// The controller took it as the host that it is.
    case admitted
    /// A connection failed: the certificate may have run out while the machine slept.
    case doubtful
}
