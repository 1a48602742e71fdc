/// A word that names something and may become part of a path, a URL or a metadata role: parsed once, at the door.
///
/// Letters `a-z`, digits, and the marks that `marks` allows, never first; 1 to `lengthMax` bytes. No upper case, so that
/// names differ on every file system, and nothing that needs escaping in a path, a URL, a shell or HTML.
public protocol CheckedName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    static var what: String { get }
    static var marks: String { get }
    static var lengthMax: Int { get }
    var text: String { get }
    init(unchecked text: String)
}

extension CheckedName {
    public static var marks: String { "-" }
    public static var lengthMax: Int { 63 }

    /// - Throws: `definition.name` with what was found and what is allowed.
    public init(_ text: String) throws(DefinitionError) {
        let letters = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        let isName =
            !text.utf8.isEmpty && text.utf8.count <= Self.lengthMax && letters(text.utf8.first ?? 0)
            && text.utf8.allSatisfy { letters($0) || Self.marks.utf8.contains($0) }
        guard isName else {
            throw DefinitionError(
                code: "name", summary: "\(text.debugDescription) is no \(Self.what).",
                remedy: "Use 1 to \(Self.lengthMax) of a-z, 0-9 and '\(Self.marks)', the first a letter or digit.")
        }
        self.init(unchecked: text)
    }

    public init(from decoder: any Decoder) throws {
        try self.init(String(from: decoder))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public static func < (left: Self, right: Self) -> Bool { left.text < right.text }
    public var description: String { text }
}

public struct ProductName: CheckedName {
    public static let what = "product name"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// `staging`, `production`, …: no `-`, because `<environment>-<product>` names a metadata role; `emergency` is reserved.
public struct EnvironmentName: CheckedName {
    public static let what = "environment name"
    public static let marks = "_"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A program in the controller's folder `hooks`.
public struct HookName: CheckedName {
    public static let what = "name of a program"
    public static let marks = "-._"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

public struct UnitName: CheckedName {
    public static let what = "unit name"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A host's identity for ever: given at enrolment, never re-used.
public struct HostID: CheckedName {
    public static let what = "host id"
    public static let marks = "-."
    public static let lengthMax = 128
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A channel is a stream of assignments that pulling hosts follow: by default `<environment>.<product>`.
public struct ChannelName: CheckedName {
    public static let what = "channel name"
    public static let marks = "-._"
    public static let lengthMax = 128
    public let text: String
    public init(unchecked text: String) { self.text = text }

    public init(environment: EnvironmentName, product: ProductName) {
        self.init(unchecked: "\(environment).\(product)")
    }
}

public struct RolloutID: CheckedName {
    public static let what = "rollout id"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A gate that a policy defines and the phases of a rollout name.
public struct GateName: CheckedName {
    public static let what = "gate name"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}

/// A window that a policy defines and its environments name.
public struct WindowName: CheckedName {
    public static let what = "window name"
    public let text: String
    public init(unchecked text: String) { self.text = text }
}
