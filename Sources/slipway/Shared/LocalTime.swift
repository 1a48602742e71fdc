import ControllerAPI
import Glibc
import ReleaseDefinition

/// Moments as the clock on a wall shows them, each with what that clock is off from UTC.
struct LocalTime {
    /// Seconds east of Greenwich at a moment.
    let offset: @Sendable (UTCInstant) -> Int64

    /// As whoever sits here goes by: the zone of `TZ`, else the machine's.
    static let here = LocalTime { instant in
        var seconds = time_t(instant.wholeSeconds.millisecondsSince1970 / 1000)
        var parts = tm()
        return localtime_r(&seconds, &parts) == nil ? 0 : Int64(parts.tm_gmtoff)
    }

    static func of(_ zone: ZoneRules) -> LocalTime { LocalTime { zone.offset(at: $0) } }

    /// `2026-11-21T11:12:04+01:00`
    func text(_ instant: UTCInstant) -> String {
        let offset = offset(instant)
        let (hours, minutes) = (abs(offset) / 3600, abs(offset) / 60 % 60)
        let pad = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        return (instant.wholeSeconds + .seconds(offset)).description.dropLast() + (offset < 0 ? "-" : "+") + pad(hours)
            + ":" + pad(minutes)
    }

    /// `11:12:04.125`, for lines that come as things happen.
    func clock(_ instant: UTCInstant) -> String {
        String((instant + .seconds(offset(instant))).description.dropFirst(11).dropLast())
    }

    /// What the engine and the log say, in the times of this clock.
    func plain(_ words: String) -> String { PlainWords.text(words, moment: text) }

    static func words(_ change: MaintenanceWindow.ClockChange) -> String {
        switch change {
        case .skipped: "the clock skips the time: it opens at the next minute that exists"
        case .repeated: "the time comes twice: it opens once, the first time"
        case .during: "the clock is changed while it is open"
        }
    }
}
