import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("The index of a payload")
struct PayloadIndexTests {
    private static func record(_ index: PayloadIndex, _ text: [UInt8]) throws -> PayloadRecord {
        let sum = { (lengths: [ByteCount]) in ByteCount(lengths.reduce(0) { $0 + $1.value }) }
        return PayloadRecord(
            compressed: BlobReference(
                sha256: SHA256Digest(of: []), length: sum(index.members.map(\.compressed.length))),
            tar: BlobReference(sha256: SHA256Digest(of: []), length: try ByteCount(TarLayout(index.entries).length)),
            fileCount: index.entries.count, index: BlobReference(of: try PayloadIndex.compressed(text)),
            indexText: BlobReference(of: text))
    }

    private static func sample() throws -> PayloadIndex {
        let date = UTCInstant(secondsSince1970: 1_795_000_000)
        let entries = [
            PayloadEntry(path: try EntryPath("a \"quoted\" näme"), content: .directory, mode: 0o700, changedAt: date),
            PayloadEntry(
                path: try EntryPath("a \"quoted\" näme/file"), content: .file(BlobReference(of: [1, 2, 3])), mode: 0o4,
                owner: "www-data", group: "adm", changedAt: UTCInstant(millisecondsSince1970: 5)),
            PayloadEntry(
                path: try EntryPath("link"),
                content: .link(try LinkTarget("a \"quoted\" näme/file", from: try EntryPath("link"))), mode: 0o777,
                changedAt: date),
        ]
        let length = try TarLayout(entries).length
        let member = PayloadMember(
            compressed: BlobReference(of: [7]),
            tar: BlobReference(sha256: SHA256Digest(of: []), length: ByteCount(length)))
        return PayloadIndex(members: [member], entries: entries)
    }

    @Test("What is written is canonical JSON in lines, and reads back as it was")
    func roundTrip() throws {
        let index = try Self.sample()
        let text = index.bytes
        for line in text.split(separator: UInt8(ascii: "\n")) {
            #expect(try JSONValue(parsing: Array(line)).canonicalBytes == Array(line))
        }
        #expect(try PayloadIndex(parsing: text, for: try Self.record(index, text)) == index)
    }

    @Test(
        "One form only: spaces, other escapes, leading zeros, unknown and missing members are refused",
        arguments: [
            ("\"mode\":\"0700\"", "\"mode\": \"0700\""), ("\"mode\":\"0700\"", "\"mode\":\"1700\""),
            ("\"mode\":\"0700\"", "\"mode\":\"700\""), ("\"size\":3", "\"size\":03"), ("\"size\":3", "\"size\":-3"),
            ("\"size\":3", "\"size\":3.0"), ("\"size\":3", "\"size\":9223372036854775808"),
            ("näme/file\",\"sha256", "näme\\/file\",\"sha256"), ("näme/file\",\"sha256", "n\\u00e4me/file\",\"sha256"),
            ("\"owner\":\"www-data\",", "\"owner\":\"0\","), ("\"owner\":\"www-data\",", "\"owner\":\"\","),
            ("\"type\":\"file\"}", "\"type\":\"file\",\"x\":1}"), ("\"type\":\"link\"}", "\"type\":\"pipe\"}"),
            (",\"type\":\"directory\"", ""), ("\"entries\":3", "\"entries\":4"), ("\"members\":1", "\"members\":0"),
            ("slipway.index/2", "slipway.index/1"), ("\"members\":1}\n", "\"members\":1}\r\n"),
        ])
    func strict(_ old: String, _ new: String) throws {
        let index = try Self.sample()
        let text = String(decoding: index.bytes, as: UTF8.self)
        let spoilt = Array(text.replacing(old, with: new).utf8)
        #expect(spoilt != index.bytes)
        let record = try Self.record(index, spoilt)
        #expect(code { _ = try PayloadIndex(parsing: spoilt, for: record) } == "packaging.index.syntax")
    }

    @Test("An index that ends anywhere else than at its end is refused")
    func truncated() throws {
        let index = try Self.sample()
        let text = index.bytes
        for count in text.indices {
            let short = Array(text[..<count])
            let record = try Self.record(index, short)
            #expect(throws: PackagingError.self) { _ = try PayloadIndex(parsing: short, for: record) }
        }
        let long = text + [UInt8(ascii: "\n")]
        let record = try Self.record(index, long)
        #expect(throws: PackagingError.self) { _ = try PayloadIndex(parsing: long, for: record) }
    }

    @Test("The published form is one gzip file; another length than the signed one is refused")
    func compressed() throws {
        let text = try Self.sample().bytes
        let bytes = try PayloadIndex.compressed(text)
        var record = try Self.record(try Self.sample(), text)
        #expect(try PayloadIndex.text(fromCompressed: bytes, for: record) == text)
        for length in [text.count - 1, text.count + 1, 0] {
            record.indexText.length = ByteCount(length)
            #expect(
                code { _ = try PayloadIndex.text(fromCompressed: bytes, for: record) } == "packaging.index.digest")
        }
        record = try Self.record(try Self.sample(), text)
        record.index = BlobReference(of: bytes + [0])
        #expect(
            code { _ = try PayloadIndex.text(fromCompressed: bytes + [0], for: record) } == "packaging.index.digest")
    }
}
