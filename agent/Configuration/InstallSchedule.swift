import AgentProtocol
import Effects
import ReleaseDefinition

/// When this host begins what was ordered, apart from how often it asks: `{ "at": "Sun 03:00", "zone": "Europe/Berlin" }`.
/// An order begins at the first such moment after it came; one that passed while the host was off begins when it is on
/// again (a window says where that is not wanted).
public struct InstallSchedule: Sendable, Equatable, Codable {
    public var at: CalendarExpression
    /// The IANA name.
    public var zone: String
    /// Hosts that share a schedule begin within so long after it, each at its own moment, always the same.
    public var spread: TimeSpan?

    public static let spreadMax = TimeSpan.hours(24)

    public init(at: CalendarExpression, zone: String, spread: TimeSpan? = nil) {
        self.at = at
        self.zone = zone
        self.spread = spread
    }

    /// - Returns: when what came then begins; nil: there is no such day.
    func start(after came: UTCInstant, for host: HostID, in rules: ZoneRules) -> UTCInstant? {
        let own = Self.share(of: spread ?? .zero, for: host)
        // What came within the spread of a moment, before this host's own, still belongs to that moment.
        return MaintenanceWindow(opens: at, span: .zero, zone: zone).openings(after: came - own, in: rules, count: 1)
            .first.map { $0.from + own }
    }

    private static func share(of spread: TimeSpan, for host: HostID) -> TimeSpan {
        let chance = SHA256Digest(of: Array("schedule\n\(host)".utf8)).bytes.prefix(4).reduce(Int64(0)) {
            $0 << 8 | Int64($1)
        }
        return .seconds((spread.milliseconds / 1000 * chance) >> 32)
    }
}

/// The proxy of agent.json: `{ "url": "http://proxy.example:3128", "credentials": "/etc/slipway/proxy", "except": [".internal"] }`.
public struct ProxySettings: Sendable, Equatable, Codable {
    public var url: String
    /// A file that holds `user:password` and that only its owner reads; nil: the proxy asks nobody.
    public var credentials: String?
    /// Servers that are asked without it: names, addresses, `.domain`.
    public var except: [String]?

    public init(url: String, credentials: String? = nil, except: [String]? = nil) {
        self.url = url
        self.credentials = credentials
        self.except = except
    }

    /// Without the credential.
    func unauthenticated() throws(AgentError) -> HTTPProxy {
        do { return try HTTPProxy(url: url, except: except ?? []) } catch {
            throw AgentConfiguration.problem(error.summary, cause: error.remedy)
        }
    }

    /// Reads the credential.
    /// - Throws: `agent.configuration`; nothing of the credential is in the error.
    func proxy() throws -> HTTPProxy {
        var proxy = try unauthenticated()
        guard let credentials else { return proxy }
        let file = try PathOfFile(credentials)
        let folder = try Directory.open(file.folder)
        guard let status = try folder.status(file.name), status.kind == .file, status.mode & 0o077 == 0 else {
            throw AgentConfiguration.problem(
                "proxy.credentials is \(credentials): it must be a file that nobody but its owner may read.")
        }
        let text = try folder.read(file.name, sizeMax: ByteCount(4096))
        proxy.credential = try HTTPProxy.Credential(text: String(decoding: text, as: UTF8.self))
        return proxy
    }
}

/// An absolute path, as folder and name.
struct PathOfFile {
    var folder: String
    var name: String

    /// - Throws: `agent.configuration`.
    init(_ path: String) throws(AgentError) {
        guard path.hasPrefix("/") else {
            throw AgentConfiguration.problem("\(path.debugDescription) is no absolute path of a file.")
        }
        (folder, name) = Directory.split(path)
    }
}
