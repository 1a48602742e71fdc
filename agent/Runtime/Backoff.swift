import Effects
import ReleaseDefinition

/// Waiting times between tries: doubling, capped, with full jitter, so that a fleet does not come back as one (R43).
struct Backoff: Sendable {
    let least: TimeSpan
    let most: TimeSpan
    private var ceiling: TimeSpan

    init(least: TimeSpan, most: TimeSpan) {
        self.least = least
        self.most = most
        ceiling = least
    }

    mutating func reset() { ceiling = least }

    /// Between nothing and the present ceiling.
    mutating func next(_ random: any RandomDoor) -> TimeSpan {
        let span = TimeSpan(milliseconds: random.fraction(of: ceiling.milliseconds))
        ceiling = min(ceiling * 2, most)
        return span
    }
}

extension Backoff {
    /// Of the stream to the controller: a controller that comes back has every host again within half a minute and the
    /// time of one connection.
    static let stream = Backoff(least: .milliseconds(500), most: .seconds(30))
}

extension RandomDoor {
    /// The interval ±20 % (semantics 1).
    func spread(_ interval: TimeSpan) -> TimeSpan {
        let fifth = interval.milliseconds / 5
        return TimeSpan(milliseconds: interval.milliseconds - fifth + fraction(of: fifth * 2))
    }
}
