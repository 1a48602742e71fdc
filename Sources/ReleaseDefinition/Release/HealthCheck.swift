/// One question asked again and again; a unit is healthy when every check passes for the minimum healthy time.
public struct HealthCheck: Sendable, Equatable, Codable {
    public static let everyBounds = TimeSpan.milliseconds(100)...TimeSpan.hours(1)
    public static let timeoutBounds = TimeSpan.milliseconds(10)...TimeSpan.hours(1)
    public static let startPeriodBounds = TimeSpan.zero...TimeSpan.hours(24)
    public static let failuresBounds = 1...1000
    /// Of an HTTP probe.
    public static let statusBounds = 100...599
    /// Of one unit.
    public static let countMax = 20

    public var probe: HealthProbe
    public var every: TimeSpan
    public var timeout: TimeSpan
    /// Failures before this has passed since the start do not count towards `failures`.
    public var startPeriod: TimeSpan
    /// Failures in a row, after the start period, that fail the host at once.
    public var failures: Int

    public init(
        probe: HealthProbe, every: TimeSpan = .seconds(2), timeout: TimeSpan = .seconds(1),
        startPeriod: TimeSpan = .zero, failures: Int = 3
    ) {
        self.probe = probe
        self.every = every
        self.timeout = timeout
        self.startPeriod = startPeriod
        self.failures = failures
    }
}

/// `${NAME}` in a URL or a word is replaced by the host's variable of that name.
public enum HealthProbe: Sendable, Equatable, Codable {
    /// GET of the URL answers with this status. Redirects are not followed.
    case http(url: String, status: Int)
    /// The program exits 0. The first word is a path relative to the installed tree, or absolute.
    case command([String])
    /// A connection to `host:port` is taken.
    case tcp(String)
    /// The unit of systemd is active.
    case systemd(String)
    /// The file is there; relative to the installed tree, or absolute.
    case file(FileProbe)
    /// A number of a page of metrics, or of a Prometheus, is within its limit.
    case metric(MetricProbe)
}

/// What is asked of a file.
public struct FileProbe: Sendable, Equatable, Codable {
    public var path: String
    /// A text that its first 64 KiB hold; nil: any.
    public var contains: String?
    /// It was written at most this long ago; nil: whenever.
    public var youngerThan: TimeSpan?

    public init(path: String, contains: String? = nil, youngerThan: TimeSpan? = nil) {
        self.path = path
        self.contains = contains
        self.youngerThan = youngerThan
    }
}

/// `{"http":{"status":200,"url":"…"}}`, `{"command":["bin/check"]}`, `{"tcp":"127.0.0.1:80"}` and so on, as in `release.yaml`.
extension HealthProbe {
    private enum Keys: String, CodingKey { case http, command, tcp, systemd, file, metric }

    private struct Address: Codable {
        var url: String
        var status: Int
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a health probe") {
        case .http:
            let address = try container.decode(Address.self, forKey: .http)
            self = .http(url: address.url, status: address.status)
        case .command: self = .command(try container.decode([String].self, forKey: .command))
        case .tcp: self = .tcp(try container.decode(String.self, forKey: .tcp))
        case .systemd: self = .systemd(try container.decode(String.self, forKey: .systemd))
        case .file: self = .file(try container.decode(FileProbe.self, forKey: .file))
        case .metric: self = .metric(try container.decode(MetricProbe.self, forKey: .metric))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .http(let url, let status): try container.encode(Address(url: url, status: status), forKey: .http)
        case .command(let words): try container.encode(words, forKey: .command)
        case .tcp(let address): try container.encode(address, forKey: .tcp)
        case .systemd(let unit): try container.encode(unit, forKey: .systemd)
        case .file(let probe): try container.encode(probe, forKey: .file)
        case .metric(let probe): try container.encode(probe, forKey: .metric)
        }
    }
}
