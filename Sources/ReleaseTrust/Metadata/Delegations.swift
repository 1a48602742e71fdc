import ReleaseDefinition

/// To whom a targets role hands on which paths, in order of trust. TUF 4.5 `delegations`.
struct Delegations: Sendable {
    let roles: [DelegatedRole]

    init(reading delegations: MetadataReader, accepting algorithms: Set<KeyAlgorithm> = .ours) throws(TrustError) {
        let table = try KeyTable(reading: try delegations.member("keys"), accepting: algorithms)
        var roles: [DelegatedRole] = []
        var names: Set<[UInt8]> = []
        for role in try delegations.array("roles") {
            let delegated = try DelegatedRole(reading: role, table: table)
            guard names.insert(Array(delegated.name.utf8)).inserted else {
                throw role.malformed("the role \(delegated.name.debugDescription) is delegated twice")
            }
            roles.append(delegated)
        }
        self.roles = roles
    }

    func role(named name: String) -> DelegatedRole? { roles.first { $0.name.utf8.elementsEqual(name.utf8) } }
}

struct DelegatedRole: Sendable {
    /// Of the name as a file's: a version and `.json` must fit beside it into 255 bytes.
    static let fileNameSizeMax = 224

    let name: String
    let keys: RoleKeys
    let isTerminating: Bool
    private let paths: Paths

    private enum Paths { case patterns([PathPattern]), hashPrefixes([String]) }

    init(reading role: MetadataReader, table: KeyTable) throws(TrustError) {
        name = try role.string("name")
        guard !name.isEmpty, MetadataFile.encoded(name).utf8.count <= Self.fileNameSizeMax,
            RootMetadata.TopRole(rawValue: name) == nil
        else {
            throw role.malformed("\(name.debugDescription) is no name for a delegated role")
        }
        keys = try RoleKeys(reading: role, table: table)
        isTerminating = try role.bool("terminating")
        switch (role.optional("paths"), role.optional("path_hash_prefixes")) {
        case (.some, nil): paths = .patterns(try role.strings("paths").map(PathPattern.init))
        case (nil, .some): paths = .hashPrefixes(try role.strings("path_hash_prefixes"))
        default: throw role.malformed("exactly one of paths and path_hash_prefixes is expected")
        }
    }

    func covers(_ path: String) -> Bool {
        switch paths {
        case .patterns(let patterns): return patterns.contains { $0.matches(path) }
        case .hashPrefixes(let prefixes):
            let hash = SHA256Digest(of: Array(path.utf8)).hex
            return prefixes.contains { hash.utf8.starts(with: $0.utf8) }
        }
    }
}

/// A shell-style pattern: `*` is any run of characters and `?` is one, neither is ever `/`. TUF 4.5 PATHPATTERN.
struct PathPattern: Sendable {
    private let text: String

    init(_ text: String) { self.text = text }

    func matches(_ path: String) -> Bool {
        guard startsAlike(path) else { return false }
        let parts = Self.parts(text)
        let words = Self.parts(path)
        guard TrustCheck.starStopsAtSlash.holds(words.count == parts.count) else { return false }
        return zip(parts, words).allSatisfy { Self.matches($0, $1) }
    }

    /// Whether the path begins with what stands before the first wildcard: nearly every pattern is done with by this.
    private func startsAlike(_ path: String) -> Bool {
        var rest = path.utf8.makeIterator()
        for byte in text.utf8 {
            if byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") { return true }
            guard rest.next() == byte else { return false }
        }
        return true
    }

    /// By scalars: a `/` followed by a combining mark is still a `/`.
    private static func parts(_ text: String) -> [[Unicode.Scalar]] {
        text.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map(Array.init)
    }

    /// Greedy with one point of return, so that no pattern takes more than the product of both lengths.
    private static func matches(_ pattern: [Unicode.Scalar], _ word: [Unicode.Scalar]) -> Bool {
        var (inPattern, inWord) = (0, 0)
        var star: (pattern: Int, word: Int)?
        while inWord < word.count {
            if inPattern < pattern.count, pattern[inPattern] == "*" {
                star = (inPattern, inWord)
                inPattern += 1
            } else if inPattern < pattern.count, pattern[inPattern] == "?" || pattern[inPattern] == word[inWord] {
                (inPattern, inWord) = (inPattern + 1, inWord + 1)
            } else if let last = star {
                star = (last.pattern, last.word + 1)
                (inPattern, inWord) = (last.pattern + 1, last.word + 1)
            } else {
                return false
            }
        }
        return pattern[inPattern...].allSatisfy { $0 == "*" }
    }
}
