import ReleaseDefinition

/// Debian's short names of licenses as an SPDX expression. What SPDX has no name for becomes a reference to its text.
struct Licenses {
    private let names: [(name: String, text: String)]
    private let source: String
    /// What SPDX calls extracted licensing information: one for each reference.
    private(set) var extracted: [JSONValue] = []
    private var references: [String: String] = [:]

    init(_ package: DebianPackage) {
        let fromCopyright = package.copyright?.licenses ?? []
        names = fromCopyright.isEmpty ? (package.license.map { [($0, "")] } ?? []) : fromCopyright
        source = fromCopyright.isEmpty ? "the control file" : "usr/share/doc/\(package.name)/copyright"
    }

    /// All of them must be kept, so they are joined by AND.
    mutating func expression() -> String {
        var parts: [String] = []
        for (name, text) in names {
            let part = expression(of: name, text)
            if !parts.contains(part) { parts.append(part) }
        }
        guard !parts.isEmpty else { return "NOASSERTION" }
        return parts.map { parts.count > 1 && $0.contains(" OR ") ? "(\($0))" : $0 }.joined(separator: " AND ")
    }

    /// `GPL-2+ or Artistic`; a comma or `with` is beyond what is taken apart here.
    private mutating func expression(of name: String, _ text: String) -> String {
        let words = name.split(separator: " ")
        let operators = ["or": "OR", "and": "AND"]
        let isSimple =
            words.count % 2 == 1
            && words.enumerated().allSatisfy { $0 % 2 == 0 || operators[$1.lowercased()] != nil }
        // One kind of operator only: Debian's precedence is its own.
        let kinds = Set(words.enumerated().filter { $0.offset % 2 == 1 }.map { $0.element.lowercased() })
        guard isSimple, kinds.count <= 1 else { return reference(name, text) }
        return words.enumerated().map { index, word in
            index % 2 == 1 ? operators[word.lowercased()] ?? "AND" : identifier(String(word), text)
        }.joined(separator: " ")
    }

    private mutating func identifier(_ name: String, _ text: String) -> String {
        Self.known[name.lowercased()] ?? reference(name, text)
    }

    private mutating func reference(_ name: String, _ text: String) -> String {
        if let known = references[name] { return known }
        let plain = String(
            name.unicodeScalars.map { scalar in
                let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                return isPlain || scalar == "." ? Character(scalar) : "-"
            }.prefix(60))
        let id = "LicenseRef-\(references.count + 1)-\(plain)"
        references[name] = id
        extracted.append(
            .object([
                .init("licenseId", .string(id)), .init("name", .string(name)),
                .init("extractedText", .string(text.isEmpty ? "See \(source)." : text)),
            ]))
        return id
    }

    /// Debian's names in lower case, as the copyright format 1.0 lists them, and SPDX's own.
    private static let known: [String: String] = {
        var known = [
            "expat": "MIT", "zlib": "Zlib", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause",
            "bsd-4-clause": "BSD-4-Clause", "isc": "ISC", "apache-1.0": "Apache-1.0", "apache-1.1": "Apache-1.1",
            "apache-2.0": "Apache-2.0", "artistic-1": "Artistic-1.0", "artistic-1.0": "Artistic-1.0",
            "artistic-2.0": "Artistic-2.0", "artistic": "Artistic-1.0-Perl", "mpl-1.1": "MPL-1.1",
            "mpl-2.0": "MPL-2.0", "cc0-1.0": "CC0-1.0", "cc0": "CC0-1.0", "python-2.0": "Python-2.0",
            "psf-2": "PSF-2.0",
            "w3c": "W3C", "openssl": "OpenSSL", "curl": "curl", "zpl-2.1": "ZPL-2.1",
            "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later",
            "mit": "MIT", "unlicense": "Unlicense", "bsl-1.0": "BSL-1.0", "0bsd": "0BSD", "fsfap": "FSFAP",
            "fsful": "FSFUL", "fsfullr": "FSFULLR",
        ]
        let families = [
            "gpl": ("GPL", ["1", "2", "3"]), "lgpl": ("LGPL", ["2", "2.1", "3"]), "agpl": ("AGPL", ["3"]),
            "gfdl": ("GFDL", ["1.1", "1.2", "1.3"]),
        ]
        for (debian, (spdx, versions)) in families {
            for version in versions {
                let full = version.contains(".") ? version : version + ".0"
                for name in Set([version, full]) {
                    known["\(debian)-\(name)"] = "\(spdx)-\(full)-only"
                    known["\(debian)-\(name)+"] = "\(spdx)-\(full)-or-later"
                }
            }
        }
        return known
    }()
}
