/// The archives of other people's tools that are taken as a source. The name decides what an archive must be; what is in
/// it must agree.
public enum ArchiveKind: String, Sendable, CaseIterable {
    case tar
    case tarGzip = "tar.gz"
    case tarZstd = "tar.zst"
    case deb

    /// nil for the name of anything else.
    public init?(name: String) {
        let name = name.lowercased()
        let suffixes: [(String, ArchiveKind)] = [
            (".tar", .tar), (".tar.gz", .tarGzip), (".tgz", .tarGzip), (".tar.zst", .tarZstd), (".tzst", .tarZstd),
            (".deb", .deb),
        ]
        guard let kind = suffixes.first(where: { name.hasSuffix($0.0) && name.utf8.count > $0.0.utf8.count })?.1 else {
            return nil
        }
        self = kind
    }

    /// `.tar, .tar.gz, .tar.zst or .deb`
    static var list: String { ".tar, .tar.gz, .tar.zst or .deb" }
}
