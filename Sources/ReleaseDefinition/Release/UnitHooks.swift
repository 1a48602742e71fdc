/// The moments at which a unit may run a program of its own, in order (semantics 8). `switch` is of units with `parallel`
/// only: it sends what comes from now on to the slot that it is told.
public enum HookMoment: String, Sendable, Codable, CaseIterable {
    case drain, preStop, stop, preStart, start, postHealthy, `switch`, undrain
}

/// The unit's hooks: program files of the release folder, by moment, and the time each may take.
public struct UnitHooks: Sendable, Equatable, Codable {
    public static let timeoutBounds = TimeSpan.seconds(1)...TimeSpan.minutes(60)

    /// 5 minutes unless the definition says otherwise.
    public var timeout: TimeSpan
    public var programs: [HookProgram]
    /// The user of the host that they run as; nil: the agent's own, mostly root. `agent.json` says which are allowed.
    public var user: String?

    public init(timeout: TimeSpan = .minutes(5), programs: [HookProgram] = [], user: String? = nil) {
        self.timeout = timeout
        self.programs = programs
        self.user = user
    }

    /// useradd(8): what every Linux takes for the name of a user.
    public static func isUserName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first) || first == 0x5F, text.utf8.count <= 32 else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F || byte == 0x2D
        }
    }

    public subscript(moment: HookMoment) -> HookProgram? { programs.first { $0.moment == moment } }
}

/// In a definition `path` is a file of the release folder; the manifest adds its digest.
public struct HookProgram: Sendable, Equatable, Codable {
    public var moment: HookMoment
    public var path: String

    public init(moment: HookMoment, path: String) {
        self.moment = moment
        self.path = path
    }
}
