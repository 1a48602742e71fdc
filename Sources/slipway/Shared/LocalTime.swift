import ReleaseDefinition

/// Moments as the clock on a wall shows them.
enum LocalTime {
    static func text(_ instant: UTCInstant, _ zone: ZoneRules) -> String {
        let offset = zone.offset(at: instant)
        let (hours, minutes) = (abs(offset) / 3600, abs(offset) / 60 % 60)
        let pad = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        return (instant + .seconds(offset)).description.dropLast() + (offset < 0 ? "-" : "+") + pad(hours) + ":"
            + pad(minutes)
    }

    static func words(_ change: MaintenanceWindow.ClockChange) -> String {
        switch change {
        case .skipped: "the clock skips the time: it opens at the next minute that exists"
        case .repeated: "the time comes twice: it opens once, the first time"
        case .during: "the clock is changed while it is open"
        }
    }
}
