/// The version of all three programs, as `version`, `User-Agent` and inventories say it.
public enum SlipwayVersion {
    public static let text = "0.1.0"

    /// `--version` alone. Commands have options of this name, which an argument parser's own would take from them.
    public static func isAsked(by arguments: [String]) -> Bool { arguments == ["--version"] }

    /// No clock that says less is right: none of this was made before. Moved on with the versions, never behind a release's own
    /// day.
    public static let notBefore = UTCInstant(secondsSince1970: 1_735_689_600)
}
