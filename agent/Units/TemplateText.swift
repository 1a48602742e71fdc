import Effects
import Glibc
import ReleaseDefinition

/// `{{ database.host }}` in a text is replaced by the signed value of that name, `{{ $PORT }}` by the host's variable of
/// agent.json. `{{{{` stands for `{{`. There is nothing else to it: no conditions, no loops.
struct TemplateText: Sendable {
    var values: JSONValue
    var variables: [String: String]
    var secrets: Secrets

    /// - Throws: `agent.template`: no such value, a list or mapping, braces that are not closed, no UTF-8.
    func render(_ bytes: [UInt8], named name: String) throws -> [UInt8] {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Self.problem(name, "is no text in UTF-8")
        }
        let (open, close) = (Array("{{".utf8), Array("}}".utf8))
        var result: [UInt8] = []
        var rest = bytes[...]
        while let start = rest.firstRange(of: open) {
            result += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            if rest.starts(with: open) {
                result += open
                rest = rest.dropFirst(2)
                continue
            }
            guard let end = rest.firstRange(of: close) else {
                throw Self.problem(name, "has {{ without }}")
            }
            let word = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            result += try value(of: word.split(separator: " ").joined(separator: " "), in: name).utf8
            rest = rest[end.upperBound...]
        }
        return result + rest
    }

    private func value(of word: String, in name: String) throws -> String {
        if word.hasPrefix("$") {
            guard let value = variables[String(word.dropFirst())] else {
                throw Self.problem(name, "names the variable \(word), which this host does not have")
            }
            return value
        }
        var found = values
        for part in word.split(separator: ".", omittingEmptySubsequences: false) {
            guard let next = found[String(part)] else {
                throw Self.problem(name, "names \(word.debugDescription), which is not among the values")
            }
            found = next
        }
        switch found {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .bool(let flag): return flag ? "true" : "false"
        default:
            if let secret = SignedValues.secret(found) { return try secrets.read(secret) }
            throw Self.problem(name, "names \(word.debugDescription), which is no single value")
        }
    }

    private static func problem(_ name: String, _ what: String) -> AgentError {
        AgentError(
            code: "template", summary: "The template \(name.debugDescription) \(what).",
            remedy: "Add the value to the release's values of this environment, or correct the template.")
    }
}

/// Where this host keeps what no release may hold: systemd credentials first, then a folder.
struct Secrets: Sendable {
    static let sizeMax = ByteCount(64 << 10)
    /// `secrets` of agent.json; nil: none.
    var folder: String?

    /// The content, without the line break at its end. A `/` of the name is a `.` among credentials.
    /// - Throws: `agent.secret`. The content is never part of an error.
    func read(_ name: String) throws -> String {
        var places: [(folder: String, name: String)] = []
        if let credentials = getenv("CREDENTIALS_DIRECTORY") {
            places.append((String(cString: credentials), name.split(separator: "/").joined(separator: ".")))
        }
        if let folder { places.append((folder, name)) }
        for place in places {
            guard let bytes = try? Directory.open(place.folder).readIfPresent(place.name, sizeMax: Self.sizeMax) else {
                continue
            }
            let text = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
            return String(decoding: text, as: UTF8.self)
        }
        throw AgentError(
            code: "secret", summary: "The secret \(name.debugDescription) is not on this host.",
            remedy: "Put it into the folder that `secrets` of agent.json names, or give it to the agent as a credential"
                + " of systemd.")
    }
}
