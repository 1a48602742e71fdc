import ReleaseDefinition

/// Somebody stopped the world, or a part of it.
public struct FreezeDeclared: Sendable, Equatable, Codable {
    /// `f1`, counted.
    public var id: String
    public var reason: String
    public var environment: EnvironmentName?
    public var product: ProductName?
    public var hosts: HostQuery
    /// What it halted.
    public var rollouts: [RolloutID]
}

public struct FreezeLifted: Sendable, Equatable, Codable {
    public var id: String
    public var reason: String
}

/// A freeze that a person declared; of the policy's there is no record: they stand in the policy.
struct FreezeRecord: Sendable {
    struct Lift: Sendable {
        var at: UTCInstant
        var by: String
        var reason: String
    }

    let declared: FreezeDeclared
    let at: UTCInstant
    let by: String
    var lift: Lift?

    var isStanding: Bool { lift == nil }

    func concerns(_ product: ProductName, in environment: EnvironmentName) -> Bool {
        (declared.environment == nil || declared.environment == environment)
            && (declared.product == nil || declared.product == product)
    }

    func concerns(_ host: HostID, labels: [String: String]) -> Bool { declared.hosts.matches(id: host, labels: labels) }
}

extension FleetState {
    var standingFreezes: [FreezeRecord] { freezes.filter(\.isStanding) }

    mutating func applyFreeze(_ entry: EventEntry) {
        switch entry.event {
        case .freezeDeclared(let event):
            freezes.append(FreezeRecord(declared: event, at: entry.at, by: entry.actor))
        case .freezeLifted(let event):
            for position in freezes.indices where freezes[position].declared.id == event.id {
                freezes[position].lift = .init(at: entry.at, by: entry.actor, reason: event.reason)
            }
        default: break
        }
    }
}
