import ReleaseDefinition

/// What a `.deb` says of itself. Source: deb-control(5).
public struct DebianPackage: Sendable {
    public var name: String
    public var version: String
    public var architecture: String
    public var maintainer: String?
    public var homepage: String?
    /// The first line.
    public var description: String?
    /// Programs that dpkg would run, and units of type `tree` do not.
    public var scripts: [String] = []
    var license: String?
    var files: [MadeFile] = []
    var copyright: DebianCopyright?

    /// nil where one of the three fields is missing or not what it must be.
    init?(control: [UInt8]) {
        guard let text = String(validating: control, as: UTF8.self) else { return nil }
        let stanza = ControlStanza.all(in: text).first
        guard let name = stanza?["Package"], let version = stanza?["Version"],
            let architecture = stanza?["Architecture"], Self.isName(name), Self.isVersion(version),
            Self.isName(architecture)
        else { return nil }
        self.name = name
        self.version = version
        self.architecture = architecture
        maintainer = stanza?["Maintainer"]
        homepage = stanza?["Homepage"]
        license = stanza?["License"]
        description = stanza?["Description"].map { String($0.prefix { $0 != "\n" }) }
    }

    /// Debian policy 5.6.7.
    static func isName(_ text: String) -> Bool {
        (2...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "+-.".utf8.contains(byte)
            } && text.utf8.first.map { !"+-.".utf8.contains($0) } == true
    }

    /// Debian policy 5.6.12.
    static func isVersion(_ text: String) -> Bool {
        (1...256).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || ".+-~:".utf8.contains(byte)
            }
    }
}

/// Fields of `Name: value`, where lines that begin with a space go on with the value.
struct ControlStanza {
    private var fields: [(name: String, value: String)] = []

    /// The first of that name, in any case, without the white space around it; nil where it is empty.
    subscript(name: String) -> String? {
        let value = fields.first { $0.name.lowercased() == name.lowercased() }?.value
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Stanzas are parted by empty lines.
    static func all(in text: String) -> [ControlStanza] {
        var stanzas: [ControlStanza] = []
        var current = ControlStanza()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.allSatisfy(\.isWhitespace) {
                if !current.fields.isEmpty { stanzas.append(current) }
                current = ControlStanza()
            } else if line.first == " " || line.first == "\t" {
                guard let last = current.fields.indices.last else { continue }
                let words = line.dropFirst()
                current.fields[last].value += "\n" + (words == "." ? "" : words)
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].drop(while: \.isWhitespace)
                current.fields.append((String(line[..<colon]), String(value)))
            }
        }
        if !current.fields.isEmpty { stanzas.append(current) }
        return stanzas
    }
}

/// `debian/copyright`, as far as machines can read it. Source: the machine-readable debian/copyright file, 1.0.
struct DebianCopyright: Sendable {
    /// Short names and their texts, in the order of the file.
    var licenses: [(name: String, text: String)] = []

    init(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        let stanzas = ControlStanza.all(in: text)
        // Without this field it is a text for people.
        guard stanzas.first?["Format"] != nil else { return }
        for stanza in stanzas {
            guard let value = stanza["License"] else { continue }
            let lines = value.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(lines[0])
            let text = lines.count > 1 ? String(lines[1]) : ""
            guard !name.isEmpty, licenses.count < 1000 else { continue }
            if let known = licenses.firstIndex(where: { $0.name == name }) {
                if licenses[known].text.isEmpty { licenses[known].text = text }
            } else {
                licenses.append((name, text))
            }
        }
    }
}
