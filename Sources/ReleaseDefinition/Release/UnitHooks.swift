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

    public init(timeout: TimeSpan = .minutes(5), programs: [HookProgram] = []) {
        self.timeout = timeout
        self.programs = programs
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
