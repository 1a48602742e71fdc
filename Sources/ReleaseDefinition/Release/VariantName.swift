/// The hosts that a variant of a unit is for: `amd64`, `debian12-amd64`, `ubuntu-arm64`, `debian12-all`.
///
/// `[SYSTEM-]ARCHITECTURE`. The architecture is Debian's word for it, or `all`. The system is `ID` of os-release(5), or `ID`
/// and `VERSION_ID` together; without it the variant is for any.
public struct VariantName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let architectures = ["amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x", "all"]

    public let system: String?
    public let architecture: String

    /// - Throws: `definition.variant`.
    public init(_ text: String) throws(DefinitionError) {
        let dash = text.lastIndex(of: "-")
        let system = dash.map { String(text[..<$0]) }
        let architecture = dash.map { String(text[text.index(after: $0)...]) } ?? text
        let isSystem = system.map { system in
            (1...40).contains(system.utf8.count) && system.utf8.first.map(Self.isLetterOrDigit) == true
                && system.utf8.allSatisfy { Self.isLetterOrDigit($0) || "._-".utf8.contains($0) }
        }
        guard Self.architectures.contains(architecture), isSystem != false else {
            throw DefinitionError(
                code: "variant", summary: "\(text.debugDescription) is no variant.",
                remedy:
                    "Write an architecture (\(Self.architectures.joined(separator: ", "))), with the system before it"
                    + " where it matters: amd64, debian12-amd64, ubuntu24.04-arm64.")
        }
        self.system = system
        self.architecture = architecture
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    public var description: String { system.map { "\($0)-\(architecture)" } ?? architecture }
    public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

extension VariantName: Codable {
    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// What a host is, as far as it decides between variants.
public struct HostPlatform: Hashable, Sendable, CustomStringConvertible {
    /// Debian's word; the kernel's own where Debian has none.
    public var architecture: String
    /// `ID` of os-release(5), `linux` where it says none.
    public var system: String
    /// `VERSION_ID`; nil where the system has none, as Debian testing.
    public var version: String?

    public init(architecture: String, system: String, version: String?) {
        self.architecture = architecture
        self.system = system
        self.version = version
    }

    /// - Parameters:
    ///   - machine: as uname(2) has it: `x86_64`.
    ///   - osRelease: the bytes of os-release(5), empty where there is none.
    public init(machine: String, osRelease: [UInt8]) {
        let words = [
            "x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf", "armv8l": "armhf", "i686": "i386",
            "i586": "i386", "ppc64le": "ppc64el",
        ]
        architecture = words[machine] ?? machine
        var values: [String: String] = [:]
        for line in String(decoding: osRelease, as: UTF8.self).split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            var value = line[line.index(after: equals)...]
            if let quote = value.first, quote == "\"" || quote == "'", value.count > 1, value.last == quote {
                value = value.dropFirst().dropLast()
            }
            values[String(line[..<equals])] = String(value)
        }
        system = values["ID"] ?? "linux"
        version = values["VERSION_ID"]
    }

    /// `debian12-amd64`: what the most exact variant for it is called.
    public var description: String { "\(system)\(version ?? "")-\(architecture)" }

    /// How exactly the variant is meant for this host, the greater the better; nil where it is for others.
    func fit(_ variant: VariantName) -> Int? {
        guard variant.architecture == architecture || variant.architecture == "all" else { return nil }
        let exact = variant.architecture == architecture ? 1 : 0
        switch variant.system {
        case nil: return exact
        case system + (version ?? ""): return 4 + exact
        case system: return 2 + exact
        default: return nil
        }
    }

    /// The variant that is meant most exactly for this host: one for its system's release goes before one for its system,
    /// that before one for any; then its architecture before `all`. nil where none is for it.
    public func choose(from variants: [VariantName]) -> VariantName? {
        variants.compactMap { variant in fit(variant).map { (variant, $0) } }.max { $0.1 < $1.1 }?.0
    }
}
