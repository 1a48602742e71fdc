/// What is looked at before the first host of a rollout is touched.
public enum ReadinessCheck: String, Sendable, Codable, CaseIterable {
    case reachability, identity, agentVersion, clock, space, dependencies, drift, health
}

/// One thing that is not as it should be on one host.
public struct ReadinessFinding: Sendable, Equatable, Codable {
    public enum Weight: String, Sendable, Codable, CaseIterable {
        /// The host would not take the release.
        case blocks
        /// It would; somebody should look.
        case warns
        /// The host has not said.
        case unknown
    }

    public var check: ReadinessCheck
    public var weight: Weight
    /// With both values.
    public var detail: String

    public init(_ check: ReadinessCheck, _ weight: Weight, _ detail: String) {
        self.check = check
        self.weight = weight
        self.detail = detail
    }
}

/// What is known of a host at the moment of the sweep.
public struct HostCondition: Sendable {
    public var id: HostID
    public var isReachable: Bool
    public var lastContactAt: UTCInstant?
    /// Why it is not believed, as for a host that is there twice; nil: it is.
    public var disbelief: String?
    public var agentVersion: String?
    /// Of its clock against ours; nil: it has not said.
    public var clockError: TimeSpan?
    public var freeSpace: ByteCount?
    /// Why its agent can write nothing down; nil: it can.
    public var unwritable: String?
    /// nil: not looked at.
    public var drifted: [ProductName]?
    /// What it runs, and whether it is well.
    public var running: [ProductName: (version: ReleaseVersion, isHealthy: Bool)]

    public init(
        id: HostID, isReachable: Bool, lastContactAt: UTCInstant? = nil, disbelief: String? = nil,
        agentVersion: String? = nil, clockError: TimeSpan? = nil, freeSpace: ByteCount? = nil,
        unwritable: String? = nil,
        drifted: [ProductName]? = nil, running: [ProductName: (version: ReleaseVersion, isHealthy: Bool)] = [:]
    ) {
        self.id = id
        self.isReachable = isReachable
        self.lastContactAt = lastContactAt
        self.disbelief = disbelief
        self.agentVersion = agentVersion
        self.clockError = clockError
        self.freeSpace = freeSpace
        self.unwritable = unwritable
        self.drifted = drifted
        self.running = running
    }
}

/// What a release asks of each host.
public struct ReadinessNeeds: Sendable {
    public var product: ProductName
    public var requires: [ProductRequirement]
    /// Packed and unpacked, as far as a host might need it.
    public var space: ByteCount
    /// Of the controller: agents work with it that are as old as the version before.
    public var version: String
    public var hasWindows: Bool

    public init(
        product: ProductName, requires: [ProductRequirement], space: ByteCount, version: String, hasWindows: Bool
    ) {
        self.product = product
        self.requires = requires
        self.space = space
        self.version = version
        self.hasWindows = hasWindows
    }

    public func findings(_ host: HostCondition) -> [ReadinessFinding] {
        if let disbelief = host.disbelief { return [ReadinessFinding(.identity, .blocks, disbelief)] }
        return reachability(host) + agent(host) + clock(host) + space(host) + dependencies(host) + disk(host)
    }

    private func reachability(_ host: HostCondition) -> [ReadinessFinding] {
        guard !host.isReachable else { return [] }
        let last = host.lastContactAt.map { "last heard of at \($0)" } ?? "never heard of"
        return [ReadinessFinding(.reachability, .blocks, "it is out of contact, \(last)")]
    }

    private func agent(_ host: HostCondition) -> [ReadinessFinding] {
        guard let text = host.agentVersion, let theirs = try? ReleaseVersion(text) else {
            return [ReadinessFinding(.agentVersion, .unknown, "its agent has not said its version")]
        }
        guard let ours = try? ReleaseVersion(version) else { return [] }
        if theirs.major == ours.major, theirs.minor == ours.minor { return [] }
        if theirs.major == ours.major, theirs.minor < ours.minor, ours.minor - theirs.minor == 1 {
            return [ReadinessFinding(.agentVersion, .warns, "its agent is \(theirs), the controller \(ours)")]
        }
        let detail = "its agent is \(theirs), the controller \(ours): they work together one version apart"
        return [ReadinessFinding(.agentVersion, .blocks, detail)]
    }

    private func clock(_ host: HostCondition) -> [ReadinessFinding] {
        guard let error = host.clockError else {
            return [ReadinessFinding(.clock, .unknown, "it has not said what its clock shows")]
        }
        let most = StartRules.clockErrorMax
        guard error.milliseconds.magnitude > most.milliseconds.magnitude else { return [] }
        let span = TimeSpan(milliseconds: Int64(clamping: error.milliseconds.magnitude) / 1000 * 1000)
        let detail = "its clock is \(span) \(error > .zero ? "ahead" : "behind"), \(most) at most"
        return [ReadinessFinding(.clock, hasWindows ? .blocks : .warns, detail)]
    }

    private func space(_ host: HostCondition) -> [ReadinessFinding] {
        if let unwritable = host.unwritable {
            return [ReadinessFinding(.space, .blocks, "its agent can write nothing down: \(unwritable)")]
        }
        guard let free = host.freeSpace else {
            return [ReadinessFinding(.space, .unknown, "it has not said how much space is free")]
        }
        guard free.value < space.value else { return [] }
        return [ReadinessFinding(.space, .blocks, "\(free) are free, up to \(space) are needed")]
    }

    private func dependencies(_ host: HostCondition) -> [ReadinessFinding] {
        requires.compactMap { requirement in
            guard let found = host.running[requirement.product] else {
                return ReadinessFinding(
                    .dependencies, .blocks, "it runs no \(requirement.product), \(requirement.version) is required")
            }
            guard !requirement.version.contains(found.version) else { return nil }
            return ReadinessFinding(
                .dependencies, .blocks,
                "it runs \(requirement.product) \(found.version), \(requirement.version) is required")
        }
    }

    private func disk(_ host: HostCondition) -> [ReadinessFinding] {
        var findings: [ReadinessFinding] = []
        switch host.drifted {
        case nil where !host.running.isEmpty:
            findings.append(ReadinessFinding(.drift, .unknown, "its files were not compared with what was signed"))
        case let drifted?:
            findings += drifted.map {
                ReadinessFinding(.drift, $0 == product ? .blocks : .warns, "files of \($0) are not as they were signed")
            }
        case nil: break
        }
        if let own = host.running[product], !own.isHealthy {
            findings.append(ReadinessFinding(.health, .warns, "\(product) \(own.version) is not healthy there now"))
        }
        return findings
    }
}
