import ReleaseDefinition

/// The part of JSON Schema 2020-12 that docs/schemas uses. A member that an object's schema does not name is a problem
/// here, which it is not for others: what is printed and not published would be relied upon all the same.
public struct JSONSchema {
    private let root: JSONValue

    public init(_ root: JSONValue) { self.root = root }

    /// What is wrong, each with its place; nothing if the value is as the schema says.
    public func problems(of value: JSONValue) -> [String] { problems(value, root, "$") }

    private func problems(_ value: JSONValue, _ schema: JSONValue, _ place: String) -> [String] {
        if let reference = schema["$ref"]?.stringValue {
            let name = String(reference.split(separator: "/").last ?? "")
            guard let found = root["$defs"]?[name] else { return ["\(place): there is no \(reference)"] }
            return problems(value, found, place)
        }
        if let choices = schema["anyOf"]?.arrayValue {
            let found = choices.map { problems(value, $0, place) }
            return found.contains(where: \.isEmpty) ? [] : ["\(place): none of \(choices.count): \(found)"]
        }
        if let words = schema["enum"]?.arrayValue, !words.contains(value) {
            return ["\(place): \(value) is none of \(words.compactMap(\.stringValue))"]
        }
        guard let type = schema["type"]?.stringValue else { return [] }
        let kind = if case .integer = value { "integer" } else { Self.kind(of: value) }
        guard kind == type else { return ["\(place): a \(kind), expected is a \(type)"] }
        switch value {
        case .array(let elements):
            guard let each = schema["items"] else { return [] }
            return elements.enumerated().flatMap { problems($1, each, "\(place)[\($0)]") }
        case .object(let members):
            let required = schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
            let missing = required.filter { value[$0] == nil }.map { "\(place): no \($0)" }
            return missing
                + members.flatMap { member -> [String] in
                    let place = "\(place).\(member.name)"
                    if let known = schema["properties"]?[member.name] { return problems(member.value, known, place) }
                    guard let other = schema["additionalProperties"] else {
                        return schema["properties"] == nil ? [] : ["\(place): not published"]
                    }
                    return problems(member.value, other, place)
                }
        default: return []
        }
    }

    private static func kind(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
