/// RFC 6901: the way to a member of a document. Its text is that of a URI fragment (RFC 6901 6), as problem details use it: `#` is
/// the document, `#/units/0/name` a member of it.
public struct JSONPointer: Sendable, Equatable {
    public private(set) var text = "#"

    public init() {}

    init(_ path: [any CodingKey]) {
        self = path.reduce(JSONPointer()) { $0.appending($1.intValue.map { "\($0)" } ?? $1.stringValue) }
    }

    public func appending(_ name: String) -> JSONPointer {
        var longer = self
        longer.text += "/" + name.replacing("~", with: "~0").replacing("/", with: "~1").percentEncoded
        return longer
    }
}
