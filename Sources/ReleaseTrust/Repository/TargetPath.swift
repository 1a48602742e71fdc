import ReleaseDefinition

/// Where a release's manifest is approved: in the role of one environment, or in the product's emergency role.
public enum ApprovalPlace: Hashable, Sendable {
    case environment(EnvironmentName)
    case emergency

    /// The first component of target paths and the first word of the role's name.
    public var word: String {
        switch self {
        case .environment(let environment): environment.text
        case .emergency: Self.emergencyWord
        }
    }

    /// Reserved: no environment has this name.
    public static let emergencyWord = "emergency"

    /// `staging-payments`, `emergency-payments`. Unambiguous, because environment names hold no `-`.
    public func role(of product: ProductName) -> String { "\(word)-\(product)" }

    /// What the role may sign: `staging/payments/*/*`. In TUF `*` does not match `/` (docs/decisions/0005).
    public func pathPattern(of product: ProductName) -> String { "\(word)/\(product)/*/*" }
}

/// Names of TUF targets: the only ones are manifests.
public enum TargetPath {
    /// `<environment>|emergency/<product>/<version>/manifest.json`
    public static func manifest(_ place: ApprovalPlace, _ release: ReleaseName) -> String {
        "\(place.word)/\(release.product)/\(release.version.text)/manifest.json"
    }

    static let sizeMax = 1024
    static let componentSizeMax = 255

    /// The file below `targets/` that holds it: the hash is put before the last component. TUF 5.7.3, 6.2.
    public static func file(of path: String, sha256: SHA256Digest) -> String { file(of: path, prefix: sha256.hex) }

    static func file(of path: String, prefix: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "\(prefix).\(path)" }
        return "\(path[...slash])\(prefix).\(path[path.utf8.index(after: slash)...])"
    }

    /// A path that only this product's role may speak of: looking it up reads the role. nil for a top role.
    public static func probe(role: String) -> String? {
        let words = role.split(separator: "-", maxSplits: 1)
        guard words.count == 2 else { return nil }
        return "\(words[0])/\(words[1])/0/none"
    }
}
