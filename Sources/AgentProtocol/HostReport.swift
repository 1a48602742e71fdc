import ReleaseDefinition

/// What a host tells the controller, kept on the host's disk until acknowledged. Idempotent by (host, sequence).
public struct HostReport: Sendable, Equatable, Codable {
    /// No report has a higher sequence: a jump to the end of the numbers would silence the host for ever.
    public static let sequenceMax: Int64 = 1 << 53

    /// 1 to `sequenceMax`, rising, never re-used by this host.
    public var sequence: Int64
    public var at: UTCInstant
    public var body: HostReportBody

    public init(sequence: Int64, at: UTCInstant, body: HostReportBody) {
        self.sequence = sequence
        self.at = at
        self.body = body
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sequence = try container.decode(Int64.self, forKey: .sequence)
        at = try container.decode(UTCInstant.self, forKey: .at)
        body = try container.decode(HostReportBody.self, forKey: .body)
        guard (1...Self.sequenceMax).contains(sequence) else {
            throw DecodingError.dataCorruptedError(
                forKey: .sequence, in: container,
                debugDescription: "found \(sequence), expected 1 to \(Self.sequenceMax)")
        }
    }
}

public enum HostReportBody: Sendable, Equatable, Codable {
    /// Sent at every start and when something in it changed.
    case inventory(HostInventory)
    case progress(OrderProgress)
    case outcome(OrderOutcome)
    /// A committed release became healthy or unhealthy by itself.
    case health(ProductHealth)
}

/// `POST /v1/agent/reports`: in sequence order, at most 256.
public struct HostReportBatch: Sendable, Equatable, Codable {
    public static let reportsMax = 256
    public var reports: [HostReport]
    /// nil from an agent older than this.
    public var facts: HostFacts?

    public init(reports: [HostReport], facts: HostFacts? = nil) {
        self.reports = reports
        self.facts = facts
    }
}

extension HostReportBatch {
    /// What the controller takes at once.
    public static let sizeMax = ByteCount(16 << 20)

    /// The body of a request, of as many reports as fit: at least the first.
    public static func wire(_ reports: [HostReport], facts: HostFacts?) throws -> [UInt8] {
        var count = reports.count
        while true {
            let bytes = try JSONCoding.value(of: HostReportBatch(reports: Array(reports.prefix(count)), facts: facts))
                .wireBytes
            if count <= 1 || bytes.count <= sizeMax.value { return bytes }
            count /= 2
        }
    }
}

/// The answer, after the reports are durable on the controller.
public struct HostReportReceipt: Sendable, Equatable, Codable {
    /// Every report up to this sequence may be dropped by the host.
    public var acknowledged: Int64
    /// The highest sequence that the controller had before this batch; nil from an older controller. Lower than what was
    /// acknowledged before: it was set up from a backup, and is told again what it lost.
    public var before: Int64?
    /// A new certificate is to be had: the authority is being replaced.
    public var renew: Bool?
    /// Of a host that fetches, which has no stream to be asked on: somebody wants to know how it stands.
    public var facts: Bool?
    /// What the host is called by, where it last said something else: as `AgentOrder.labels`.
    public var labels: JSONValue?
    /// The controller's clock as it answered: a host whose own is off by more than windows allow knows it by this. nil from
    /// an older controller.
    public var sentAt: UTCInstant?

    public init(
        acknowledged: Int64, before: Int64? = nil, renew: Bool? = nil, facts: Bool? = nil, labels: JSONValue? = nil,
        sentAt: UTCInstant? = nil
    ) {
        self.sentAt = sentAt
        self.labels = labels
        self.acknowledged = acknowledged
        self.before = before
        self.renew = renew
        self.facts = facts
    }
}

public struct HostInventory: Sendable, Equatable, Codable {
    /// What a host is told of beyond is left out.
    public static let installedMax = 1000
    public static let channelsMax = 1000
    public static let driftMax = 50
    static let driftLengthMax = 1000

    public var agentVersion: String
    public var machineID: String
    public var delivery: DeliveryMode
    /// Of a pulling host.
    public var checkInterval: TimeSpan?
    public var installed: [InstalledRelease]
    public var system: HostSystem?
    /// What is not as it was installed, in words; nil or empty: nothing, at the last look.
    public var drift: [String]?
    /// Of a pulling host: what it follows.
    public var channels: [ChannelName]?
    /// What it tells its hooks and services that it is called by; nil from an agent older than this.
    public var labels: [String: String]?

    public init(
        agentVersion: String, machineID: String, delivery: DeliveryMode, checkInterval: TimeSpan? = nil,
        installed: [InstalledRelease], system: HostSystem? = nil, drift: [String]? = nil,
        channels: [ChannelName]? = nil, labels: [String: String]? = nil
    ) {
        // More than there can be was made up.
        self.labels = labels.flatMap { HostLabels.areGood($0) ? $0 : nil }
        self.agentVersion = agentVersion.bounded(WordBound.name)
        self.machineID = machineID.bounded(WordBound.name)
        self.delivery = delivery
        self.checkInterval = checkInterval
        self.installed = Array(installed.prefix(Self.installedMax))
        self.system = system
        self.drift = drift?.prefix(Self.driftMax).map { $0.bounded(Self.driftLengthMax) }
        self.channels = channels.map { Array($0.prefix(Self.channelsMax)) }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            agentVersion: try container.decode(String.self, forKey: .agentVersion),
            machineID: try container.decode(String.self, forKey: .machineID),
            delivery: try container.decode(DeliveryMode.self, forKey: .delivery),
            checkInterval: try container.decodeIfPresent(TimeSpan.self, forKey: .checkInterval),
            installed: try container.decode([InstalledRelease].self, forKey: .installed),
            system: try container.decodeIfPresent(HostSystem.self, forKey: .system),
            drift: try container.decodeIfPresent([String].self, forKey: .drift),
            channels: try container.decodeIfPresent([ChannelName].self, forKey: .channels),
            labels: try container.decodeIfPresent([String: String].self, forKey: .labels))
    }
}

/// How a host hears of assignments.
public enum DeliveryMode: String, Sendable, Codable, CaseIterable { case push, pull }

public struct InstalledRelease: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var isHealthy: Bool

    public init(release: ReleaseName, manifest: SHA256Digest, isHealthy: Bool) {
        self.release = release
        self.manifest = manifest
        self.isHealthy = isHealthy
    }
}

public struct OrderProgress: Sendable, Equatable, Codable {
    public var order: OrderID
    public var release: ReleaseName
    public var step: InstallationStep
    /// All is there and nothing was touched: its own windows, schedule or inhibit folder hold the host until then at least. nil:
    /// it goes on, or is an older agent.
    public var heldUntil: UTCInstant?

    public init(order: OrderID, release: ReleaseName, step: InstallationStep, heldUntil: UTCInstant? = nil) {
        self.order = order
        self.release = release
        self.step = step
        self.heldUntil = heldUntil
    }
}

/// The final word of a host on an order; sent exactly once for each.
public struct OrderOutcome: Sendable, Equatable, Codable {
    public var order: OrderID
    public var release: ReleaseName
    public var outcome: HostOutcome
    /// What runs now; nil: nothing of this product.
    public var running: InstalledRelease?
    public var evidence: FailureEvidence?
    /// Why what ran before was not healthy before anything was stopped: the outcome does not count then. nil: it was.
    public var unhealthyBefore: String?
    /// Of an order to rehearse: what was seen, signed by the host. Evidence, whatever the outcome says.
    public var rehearsal: HostReceiptFile?

    public init(
        order: OrderID, release: ReleaseName, outcome: HostOutcome, running: InstalledRelease?,
        evidence: FailureEvidence? = nil, unhealthyBefore: String? = nil, rehearsal: HostReceiptFile? = nil
    ) {
        self.order = order
        self.release = release
        self.outcome = outcome.bounded
        self.running = running
        self.evidence = evidence
        self.unhealthyBefore = unhealthyBefore?.bounded(WordBound.words)
        self.rehearsal = rehearsal
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            order: try container.decode(OrderID.self, forKey: .order),
            release: try container.decode(ReleaseName.self, forKey: .release),
            outcome: try container.decode(HostOutcome.self, forKey: .outcome),
            running: try container.decodeIfPresent(InstalledRelease.self, forKey: .running),
            evidence: try container.decodeIfPresent(FailureEvidence.self, forKey: .evidence),
            unhealthyBefore: try container.decodeIfPresent(String.self, forKey: .unhealthyBefore),
            rehearsal: try container.decodeIfPresent(HostReceiptFile.self, forKey: .rehearsal))
    }
}

public struct ProductHealth: Sendable, Equatable, Codable {
    public var running: InstalledRelease
    public var detail: String

    public init(running: InstalledRelease, detail: String) {
        self.running = running
        self.detail = detail.bounded(WordBound.words)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            running: try container.decode(InstalledRelease.self, forKey: .running),
            detail: try container.decode(String.self, forKey: .detail))
    }
}

/// What was seen before anything was restored.
public struct FailureEvidence: Sendable, Equatable, Codable {
    public static let logTailMax = 32 << 10
    /// The step that failed.
    public var step: InstallationStep
    public var error: ReportedError
    /// The last output of the failing hook or service, at most `logTailMax` bytes, secrets masked.
    public var logTail: String
    /// Where the back-out failed too: its own error. Both are kept.
    public var backOutError: ReportedError?

    public init(step: InstallationStep, error: ReportedError, logTail: String, backOutError: ReportedError? = nil) {
        self.step = step
        self.error = error.bounded
        self.logTail = logTail.tail(Self.logTailMax)
        self.backOutError = backOutError?.bounded
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            step: try container.decode(InstallationStep.self, forKey: .step),
            error: try container.decode(ReportedError.self, forKey: .error),
            logTail: try container.decode(String.self, forKey: .logTail),
            backOutError: try container.decodeIfPresent(ReportedError.self, forKey: .backOutError))
    }
}
