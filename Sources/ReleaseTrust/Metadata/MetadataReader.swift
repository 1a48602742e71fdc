import ReleaseDefinition

/// Reads members of a metadata file strictly; each refusal is `trust.<role>.form` and names the member's path.
struct MetadataReader {
    let value: JSONValue
    let role: String
    private let place: Place

    init(parsing bytes: [UInt8], role: String) throws(TrustError) {
        do {
            self.init(value: try JSONValue(parsing: bytes), role: role, path: "")
        } catch {
            throw .refused(
                role, "form", "the file is no strict JSON",
                remedy: "Nothing was accepted. \(error.summary)")
        }
    }

    init(value: JSONValue, role: String, path: String) {
        self.init(value: value, role: role, place: .start(path))
    }

    private init(value: JSONValue, role: String, place: Place) {
        self.value = value
        self.role = role
        self.place = place
    }

    /// Written out only where something is wrong: a large file has tens of thousands of members.
    private indirect enum Place {
        case start(String)
        case member(Place, String)
        case element(Place, Int)

        var path: String {
            switch self {
            case .start(let path): path
            case .member(let outer, let name): outer.path.isEmpty ? name : "\(outer.path).\(name)"
            case .element(let outer, let position): "\(outer.path)[\(position)]"
            }
        }
    }

    var path: String { place.path }

    func malformed(_ what: String) -> TrustError {
        .refused(
            role, "form", "\(path.isEmpty ? "" : "\(path): ")\(what)",
            remedy: "Nothing was accepted. Publish the metadata again with a tool that follows TUF 1.0.")
    }

    func optional(_ name: String) -> MetadataReader? {
        value[name].map { MetadataReader(value: $0, role: role, place: .member(place, name)) }
    }

    func member(_ name: String) throws(TrustError) -> MetadataReader {
        guard case .object = value else { throw malformed("found \(value.kind), expected an object") }
        guard let member = optional(name) else { throw malformed("the member \"\(name)\" is missing") }
        return member
    }

    func members() throws(TrustError) -> [(name: String, reader: MetadataReader)] {
        guard let members = value.objectValue else { throw malformed("found \(value.kind), expected an object") }
        return members.map { member in
            (member.name, MetadataReader(value: member.value, role: role, place: .member(place, member.name)))
        }
    }

    func array(_ name: String) throws(TrustError) -> [MetadataReader] { try member(name).elements() }

    func elements() throws(TrustError) -> [MetadataReader] {
        guard let values = value.arrayValue else { throw malformed("found \(value.kind), expected an array") }
        return values.enumerated().map { position, value in
            MetadataReader(value: value, role: role, place: .element(place, position))
        }
    }

    func string() throws(TrustError) -> String {
        guard let text = value.stringValue else { throw malformed("found \(value.kind), expected a string") }
        return text
    }

    func string(_ name: String) throws(TrustError) -> String { try member(name).string() }

    func strings(_ name: String) throws(TrustError) -> [String] {
        var texts: [String] = []
        for element in try array(name) { texts.append(try element.string()) }
        return texts
    }

    func bool(_ name: String) throws(TrustError) -> Bool {
        let member = try member(name)
        guard let value = member.value.boolValue else {
            throw member.malformed("found \(member.value.kind), expected a boolean")
        }
        return value
    }

    func integer(_ name: String, from lowest: Int64) throws(TrustError) -> Int64 {
        let member = try member(name)
        guard let value = member.value.integerValue else {
            throw member.malformed("found \(member.value.kind), expected an integer")
        }
        guard value >= lowest else { throw member.malformed("found \(value), expected \(lowest) or more") }
        return value
    }

    func positive(_ name: String) throws(TrustError) -> Int64 { try integer(name, from: 1) }

    /// From 1, with room for a next one: Int64.max is no version.
    func version() throws(TrustError) -> Int64 {
        let version = try positive("version")
        guard version < .max else { throw malformed("version \(version) has no successor") }
        return version
    }

    func digest() throws(TrustError) -> SHA256Digest {
        let text = try string()
        do { return try SHA256Digest(hex: text) } catch { throw malformed(error.summary) }
    }

    /// TUF 4.2.1 `expires`: to the second, never with a fraction.
    func instant(_ name: String) throws(TrustError) -> UTCInstant {
        let member = try member(name)
        let text = try member.string()
        guard text.utf8.count == 20, let instant = try? UTCInstant(text) else {
            throw member.malformed("found \(text.debugDescription), expected a moment as 2026-11-20T09:12:00Z")
        }
        return instant
    }
}
