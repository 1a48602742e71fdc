import AgentProtocol
import Effects
import ReleaseDefinition

/// `agent.json`: who this host is and whom it follows. Owned by root; what it pins, no message changes.
public struct AgentConfiguration: Sendable, Equatable, Codable {
    /// `https://host:port`; nil on a host that only follows a repository and never reports.
    public var controller: String?
    public var host: HostID
    public var environment: EnvironmentName
    public var delivery: DeliveryMode
    /// The base URL of the repository, without a slash at the end.
    public var repository: String
    /// What a pulling host follows.
    public var channels: [ChannelName]
    public var checkInterval: TimeSpan
    /// The prefix of every `installTo`; `/` on a real host.
    public var root: String
    /// What `${NAME}` in health checks stands for, and part of the environment of hooks and services.
    public var variables: [String: String]
    /// As the host joined; what the controller says later stands in `labels.json`, and is in force instead.
    public var labels: [String: String]
    /// What each product may do here; nil: everything. A product that is not named may then do nothing.
    public var bounds: [String: ProductBounds]?
    /// The folder of secrets that templates refer to; nil: systemd credentials only.
    public var secrets: String?
    /// `host:port` of others that an installation may be confirmed by reaching; beside controller and repository.
    public var confirm: [String]?
    /// How long after the switch one of them must be reached, or the host backs out; nil is 2 minutes.
    public var confirmWithin: TimeSpan?
    /// What becomes of an order where what runs is not healthy before it; nil is `proceed`.
    public var unhealthyBefore: UnhealthyBefore?
    /// When this host starts installations; nil: at any time. Fetching is not bound, nor are emergencies and back-outs.
    public var windows: [MaintenanceWindow]?
    /// How often what is installed is compared with what was signed; nil: every 6 hours, without repair.
    public var drift: DriftPolicy?
    /// When what was ordered begins; nil: at once, where the windows allow it. Emergencies and back-outs do not wait.
    public var schedule: InstallSchedule?
    /// Base URLs where the repository's files are as well, asked in this order where `repository` fails.
    public var mirrors: [String]?
    /// PEM file of the authorities of `https:` repositories and mirrors; nil: the controller's own.
    public var authorities: String?
    /// Through which everything outside is asked; nil: directly.
    public var proxy: ProxySettings?
    /// Bytes a second that all downloads together may take; nil: as fast as it goes. An order may ask for less.
    public var bandwidth: ByteCount?
    /// How the host is restarted where a release asks for it; nil: by systemd.
    public var reboot: RebootSettings?
    /// Releases of the agent itself; nil: they are taken, with 10 minutes of probation.
    public var selfUpdate: SelfUpdateSettings?
    /// Programs of this host for units of type `plugin`: by name, absolute paths.
    public var plugins: [String: String]?

    public static let fileName = "agent.json"
    public static let sizeMax = ByteCount(1 << 20)

    public init(
        controller: String?, host: HostID, environment: EnvironmentName, delivery: DeliveryMode, repository: String,
        channels: [ChannelName] = [], checkInterval: TimeSpan = .minutes(5), root: String = "/",
        variables: [String: String] = [:], labels: [String: String] = [:],
        bounds: [String: ProductBounds]? = nil, secrets: String? = nil, confirm: [String]? = nil,
        confirmWithin: TimeSpan? = nil,
        unhealthyBefore: UnhealthyBefore? = nil, windows: [MaintenanceWindow]? = nil, drift: DriftPolicy? = nil,
        schedule: InstallSchedule? = nil, mirrors: [String]? = nil, authorities: String? = nil,
        proxy: ProxySettings? = nil, bandwidth: ByteCount? = nil
    ) {
        self.controller = controller
        self.host = host
        self.environment = environment
        self.delivery = delivery
        self.repository = repository
        self.channels = channels
        self.checkInterval = checkInterval
        self.root = root
        self.variables = variables
        self.labels = labels
        self.bounds = bounds
        self.secrets = secrets
        self.confirm = confirm
        self.confirmWithin = confirmWithin
        self.unhealthyBefore = unhealthyBefore
        self.windows = windows
        self.drift = drift
        self.schedule = schedule
        self.mirrors = mirrors
        self.authorities = authorities
        self.proxy = proxy
        self.bandwidth = bandwidth
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case controller, host, environment, delivery, repository, channels, checkInterval, root, variables, labels
        case bounds, secrets, confirm, confirmWithin, unhealthyBefore, windows, drift
        case schedule, mirrors, authorities, proxy, bandwidth
        case reboot, selfUpdate, plugins
    }

    /// - Throws: `agent.configuration`: absent, unreadable, an unknown key or a value out of bounds.
    public static func read(in folder: Directory) throws -> AgentConfiguration {
        guard let bytes = try folder.readIfPresent(fileName, sizeMax: sizeMax) else {
            throw AgentError(
                code: "notFound", summary: "There is no \(fileName) in \(folder.path).",
                remedy: "Enrol this host with `slipway-agent join STRING --dir \(folder.path)`.")
        }
        let value: JSONValue
        let read: AgentConfiguration
        do {
            value = try JSONValue(parsing: bytes)
            read = try JSONCoding.decode(AgentConfiguration.self, from: value)
        } catch {
            throw problem("\(folder.path)/\(fileName) cannot be read.", cause: "\(error)")
        }
        let known = Set(CodingKeys.allCases.map(\.rawValue))
        if let unknown = (value.objectValue ?? []).first(where: { !known.contains($0.name) }) {
            throw problem("\(fileName) has a member \(unknown.name.debugDescription) that this version does not know.")
        }
        try read.check()
        return read
    }

    /// - Throws: `agent.configuration`.
    public func check() throws {
        let least: TimeSpan = isOnLoopback ? .seconds(1) : .seconds(30)
        guard checkInterval >= least, checkInterval <= .hours(24) else {
            throw Self.problem("checkInterval is \(checkInterval), allowed are \(least) to 24h.")
        }
        if let confirmWithin, !(TimeSpan.milliseconds(100) ... .hours(1)).contains(confirmWithin) {
            throw Self.problem("confirmWithin is \(confirmWithin), allowed are 100ms to 1h.")
        }
        if let every = drift?.every, !(TimeSpan.minutes(1) ... .days(7)).contains(every) {
            throw Self.problem("drift.every is \(every), allowed are 1m to 7d.")
        }
        if let within = reboot?.within, !RebootSettings.withinBounds.contains(within) {
            throw Self.problem("reboot.within is \(within), allowed are 100ms to 4h.")
        }
        for (name, path) in plugins ?? [:] where !path.hasPrefix("/") {
            throw Self.problem("plugins has \(path.debugDescription) as \(name), an absolute path is needed.")
        }
        if let within = selfUpdate?.within, !SelfUpdateSettings.withinBounds.contains(within) {
            throw Self.problem("selfUpdate.within is \(within), allowed are 1s to 4h.")
        }
        guard root.hasPrefix("/"), root == "/" || !root.hasSuffix("/") else {
            throw Self.problem(
                "root is \(root.debugDescription), an absolute path without a slash at the end is needed.")
        }
        for (key, url) in [("repository", repository)] + (mirrors ?? []).map({ ("mirrors", $0) }) {
            guard !url.hasSuffix("/"), url.hasPrefix("https://") || url.hasPrefix("http://") else {
                throw Self.problem("\(key) has \(url.debugDescription), a URL without a slash at the end is needed.")
            }
        }
        try checkTransfers()
        for name in variables.keys where !Variables.isName(name) {
            throw Self.problem("variables has the name \(name.debugDescription); use A-Z, 0-9 and _, no digit first.")
        }
    }

    private func checkTransfers() throws {
        if (mirrors ?? []).count > Self.mirrorsMax {
            throw Self.problem("mirrors has \(mirrors?.count ?? 0) places, allowed are \(Self.mirrorsMax).")
        }
        if let bandwidth, bandwidth < Self.bandwidthMin {
            throw Self.problem(
                "bandwidth is \(bandwidth.value) bytes a second, at least \(Self.bandwidthMin.value) are needed.")
        }
        if let spread = schedule?.spread, !(TimeSpan.zero...InstallSchedule.spreadMax).contains(spread) {
            throw Self.problem("schedule.spread is \(spread), at most \(InstallSchedule.spreadMax) are allowed.")
        }
        _ = try proxy?.unauthenticated()
        if let authorities { _ = try PathOfFile(authorities) }
    }

    static let mirrorsMax = 16
    static let bandwidthMin = ByteCount(1 << 10)

    /// Only there may a host ask every second (semantics 1).
    private var isOnLoopback: Bool {
        [
            "http://127.0.0.1", "https://127.0.0.1", "http://localhost", "https://localhost", "http://[::1]",
            "https://[::1]",
        ]
        .contains { base in
            repository.hasPrefix(base)
                && [nil, ":", "/"].contains(repository.dropFirst(base.count).first.map(String.init))
        }
    }

    public func write(in folder: Directory) throws {
        try folder.writeDurably(Self.fileName, JSONCoding.value(of: self).prettyBytes, mode: 0o600)
    }

    static func problem(_ summary: String, cause: String? = nil) -> AgentError {
        AgentError(
            code: "configuration", summary: summary, remedy: "Correct agent.json and start the agent again.",
            cause: cause)
    }
}

/// `${NAME}` in a word.
enum Variables {
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    /// - Throws: `agent.variable`: the host has no such variable, or the braces are not closed.
    static func expand(_ text: String, _ variables: [String: String]) throws(AgentError) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: "}"), let value = variables[String(rest[..<end])] else {
                throw AgentError(
                    code: "variable", summary: "\(text.debugDescription) uses a variable that this host does not have.",
                    remedy:
                        "Add it to `variables` in agent.json of the agent's folder and restart the agent, or correct the health "
                        + "check; slipway-agent join --variable NAME=VALUE says it at once.")
            }
            result += value
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
