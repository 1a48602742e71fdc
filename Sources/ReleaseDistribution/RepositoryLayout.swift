import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// Where things lie in a repository: static files under any base address. Source: package-format.md "Repository".
///
/// ```
/// metadata/  N.root.json  timestamp.json  N.snapshot.json  N.targets.json  N.<role>.json
/// targets/   <environment>|emergency/<product>/<version>/<sha256>.manifest.json
/// blobs/     <sha256>
/// director/  <channel>.json  sets/<id>.json
/// ```
public enum RepositoryLayout {
    public static let metadata = "metadata"
    public static let targets = "targets"
    public static let blobs = "blobs"
    public static let director = "director"
    static let sets = "sets"

    public static func metadata(_ fileName: String) -> String { "\(metadata)/\(fileName)" }
    public static func blob(_ sha256: SHA256Digest) -> String { "\(blobs)/\(sha256.hex)" }
    public static func channel(_ name: ChannelName) -> String { "\(director)/\(name.text).json" }

    public static func set(_ set: ChannelSet) -> String { "\(director)/\(sets)/\(set.id).json" }

    /// - Parameter path: of the TUF target: `staging/web/1.0.0/manifest.json`.
    public static func target(_ path: String, sha256: SHA256Digest) -> String {
        "\(targets)/\(TargetPath.file(of: path, sha256: sha256))"
    }

    public static func manifest(of release: AuthorisedRelease) -> String { "\(targets)/\(release.filePath)" }

    /// Only the timestamp, the channels and their sets are ever replaced.
    public static func isMutable(_ path: String) -> Bool {
        path == metadata(MetadataFile.timestampName) || path.hasPrefix(director + "/")
    }

    /// For whoever serves the repository.
    public static func cacheControl(_ path: String) -> String {
        isMutable(path) ? "max-age=30" : "public, max-age=31536000, immutable"
    }

    /// The address of a file; everything but RFC 3986's unreserved characters and `/` is escaped.
    public static func url(_ base: String, _ path: String) -> String {
        var text = Array((base.hasSuffix("/") ? String(base.dropLast()) : base).utf8) + [UInt8(ascii: "/")]
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                text.append(byte)
            default: text.append(contentsOf: "%\(Hexadecimal.encode([byte]).uppercased())".utf8)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
