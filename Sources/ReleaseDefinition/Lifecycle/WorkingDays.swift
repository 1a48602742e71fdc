/// Monday to Friday, in UTC.
public enum WorkingDays {
    /// Until an emergency must have been looked back at.
    public static let emergencyReview = 3
    public static let review = 10

    /// The same time of day, so many working days later; from a weekend on, as from Monday's first moment on.
    public static func after(_ count: Int, _ start: UTCInstant) -> UTCInstant {
        let day = TimeSpan.days(1)
        var at = start
        while isWeekend(at) { at = at + day }
        if at != start {
            let (days, _) = at.millisecondsSince1970.quotientAndRemainderFloored(dividingBy: day.milliseconds)
            at = UTCInstant(millisecondsSince1970: days * day.milliseconds)
        }
        for _ in 0..<max(0, count) {
            repeat { at = at + day } while isWeekend(at)
        }
        return at
    }

    /// 1 January 1970 was a Thursday.
    private static func isWeekend(_ instant: UTCInstant) -> Bool {
        let (days, _) = instant.millisecondsSince1970.quotientAndRemainderFloored(
            dividingBy: TimeSpan.days(1).milliseconds)
        let weekday = (days % 7 + 7 + 3) % 7
        return weekday >= 5
    }
}
