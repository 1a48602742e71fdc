/// The version of all three programs, as `version`, `User-Agent` and inventories say it.
public enum SlipwayVersion {
    public static let text = "0.1.0"
}
