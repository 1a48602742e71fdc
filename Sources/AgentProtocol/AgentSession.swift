import ReleaseDefinition

/// Which running agent speaks, sent with every request of a host as the header `Slipway-Session`. One agent sends one and
/// the same until it ends, over however many connections; two that hold one certificate send two in turn, which is how
/// a copied host is found out (R30).
///
/// Nothing is allowed because of it: a host could write anything here. It only ever takes trust away.
public struct AgentSession: Sendable, Hashable, Codable {
    public static let headerName = "Slipway-Session"
    private static let partLengthMax = 64

    /// The machine's id, as `/etc/machine-id` has it.
    public var machine: String
    /// Of the kernel's present run: another one after every start of the machine.
    public var boot: String
    /// Made at random by the agent when it started.
    public var process: String

    /// Anything that cannot stand in the header is left out of a part.
    public init(machine: String, boot: String, process: String) {
        self.machine = Self.part(machine)
        self.boot = Self.part(boot)
        self.process = Self.part(process)
    }

    public var headerValue: String { "\(machine)/\(boot)/\(process)" }

    /// nil for a text that no agent sends.
    public init?(headerValue text: String) {
        guard text.utf8.count <= 3 * Self.partLengthMax + 2 else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, !parts[2].isEmpty else { return nil }
        self.init(machine: parts[0], boot: parts[1], process: parts[2])
        guard headerValue == text else { return nil }
    }

    private static func part(_ text: String) -> String {
        let kept = text.utf8.filter { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
        }
        return String(decoding: kept.prefix(partLengthMax), as: UTF8.self)
    }
}

/// What the controller says about the host's identity itself: down the stream before it closes, and as the code of a
/// refusal. The agent keeps the last one for `slipway-agent status`.
public struct IdentityNotice: Sendable, Equatable, Codable {
    public var code: String
    public var summary: String
    public var remedy: String

    public init(code: String, summary: String, remedy: String) {
        self.code = code
        self.summary = summary
        self.remedy = remedy
    }

    public init(_ error: some ReportableError) {
        self.init(code: error.code, summary: error.summary, remedy: error.remedy)
    }
}
