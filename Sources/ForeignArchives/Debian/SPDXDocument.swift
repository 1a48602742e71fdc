import ReleaseDefinition
import ReleasePackaging

/// The bill of materials of a `.deb`: SPDX 2.3 in JSON, a function of its arguments. Source: spdx.github.io/spdx-spec/v2.3.
enum SPDXDocument {
    /// - Parameters:
    ///   - subject: what it belongs to, for its name: `payments-1.4-api`.
    ///   - sourceDate: of the release; stands as the time of creation, so that the same input gives the same bytes.
    static func bytes(
        of package: DebianPackage, archive: BlobReference, subject: String, sourceDate: UTCInstant
    ) -> [UInt8] {
        let files = package.files.enumerated().map { File(number: $0 + 1, made: $1) }
        var licenses = Licenses(package)
        let declared = licenses.expression()
        let document = JSONValue.object([
            .init("spdxVersion", .string("SPDX-2.3")), .init("dataLicense", .string("CC0-1.0")),
            .init("SPDXID", .string("SPDXRef-DOCUMENT")), .init("name", .string(subject)),
            // Unique for what it describes, and the same wherever it is made.
            .init("documentNamespace", .string("urn:slipway:spdx:\(subject):sha256:\(archive.sha256.hex)")),
            .init(
                "creationInfo",
                .object([
                    .init("created", .string(sourceDate.wholeSeconds.description)),
                    .init("creators", .array([.string("Tool: slipway")])),
                ])),
            .init("documentDescribes", .array([.string(packageID)])),
            .init("packages", .array([self.package(package, archive, files, declared)])),
            .init("files", .array(files.map(\.json))),
            .init("hasExtractedLicensingInfos", .array(licenses.extracted)),
            .init(
                "relationships",
                .array(
                    [relationship("SPDXRef-DOCUMENT", "DESCRIBES", packageID)]
                        + files.map { relationship(packageID, "CONTAINS", $0.id) })),
        ])
        return document.wireBytes
    }

    private static let packageID = "SPDXRef-Package"

    private struct File {
        var number: Int
        var made: MadeFile
        var id: String { "SPDXRef-File-\(number)" }

        var json: JSONValue {
            .object([
                .init("SPDXID", .string(id)), .init("fileName", .string("./" + made.path.text)),
                .init(
                    "checksums",
                    .array([
                        SPDXDocument.checksum("SHA1", made.sha1), SPDXDocument.checksum("SHA256", made.sha256.hex),
                    ])),
                .init("licenseConcluded", .string("NOASSERTION")),
                .init("licenseInfoInFiles", .array([.string("NOASSERTION")])),
                .init("copyrightText", .string("NOASSERTION")),
            ])
        }
    }

    private static func package(
        _ package: DebianPackage, _ archive: BlobReference, _ files: [File], _ declared: String
    ) -> JSONValue {
        // SPDX 2.3 7.9: the SHA-1 of the files' SHA-1s, sorted, one behind the other.
        let code = FileDigests.sha1(of: files.map(\.made.sha1).sorted().joined())
        var members: [JSONMember] = [
            .init("SPDXID", .string(packageID)), .init("name", .string(package.name)),
            .init("versionInfo", .string(package.version)),
            .init("downloadLocation", .string("NOASSERTION")), .init("filesAnalyzed", .bool(!files.isEmpty)),
            .init("licenseConcluded", .string("NOASSERTION")), .init("licenseDeclared", .string(declared)),
            .init("copyrightText", .string("NOASSERTION")),
            .init("checksums", .array([checksum("SHA256", archive.sha256.hex)])),
            .init(
                "externalRefs",
                .array([
                    .object([
                        .init("referenceCategory", .string("PACKAGE-MANAGER")), .init("referenceType", .string("purl")),
                        .init("referenceLocator", .string(purl(of: package))),
                    ])
                ])),
            .init("comment", .string("Debian architecture: \(package.architecture)")),
        ]
        if !files.isEmpty {
            members.append(
                .init("packageVerificationCode", .object([.init("packageVerificationCodeValue", .string(code))])))
            members.append(.init("licenseInfoFromFiles", .array([.string("NOASSERTION")])))
        }
        if let supplier = package.maintainer.flatMap(person) { members.append(.init("supplier", .string(supplier))) }
        if let homepage = package.homepage, isAddress(homepage) { members.append(.init("homepage", .string(homepage))) }
        if let summary = package.description { members.append(.init("summary", .string(summary))) }
        return .object(members)
    }

    /// Source: github.com/package-url/purl-spec, type deb.
    static func purl(of package: DebianPackage) -> String {
        "pkg:deb/debian/\(escaped(package.name))@\(escaped(package.version))?arch=\(escaped(package.architecture))"
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || ".-_~".utf8.contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.encode([byte]).uppercased()
        }.joined()
    }

    /// `A Person <person@example.org>` is `Person: A Person (person@example.org)`.
    private static func person(_ maintainer: String) -> String? {
        let line = maintainer.prefix { $0 != "\n" }
        guard let open = line.firstIndex(of: "<"), let close = line.lastIndex(of: ">"), open < close else {
            return line.contains { "()<>".contains($0) } ? nil : "Person: \(line)"
        }
        let name = line[..<open].filter { !"()".contains($0) }
        let address = line[line.index(after: open)..<close]
        guard name.contains(where: \.isLetter), !address.contains(where: { "()<> ".contains($0) }) else { return nil }
        let trimmed = name.split(separator: " ").joined(separator: " ")
        return "Person: \(trimmed) (\(address))"
    }

    private static func isAddress(_ text: String) -> Bool {
        (text.hasPrefix("https://") || text.hasPrefix("http://"))
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"<>\\^`{|}#[]".utf8.contains($0) }
    }

    private static func relationship(_ from: String, _ type: String, _ to: String) -> JSONValue {
        .object([
            .init("spdxElementId", .string(from)), .init("relationshipType", .string(type)),
            .init("relatedSpdxElement", .string(to)),
        ])
    }

    private static func checksum(_ algorithm: String, _ value: String) -> JSONValue {
        .object([.init("algorithm", .string(algorithm)), .init("checksumValue", .string(value))])
    }
}
