import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import AgentLibrary

/// What the release before this one said, recorded. `scripts/compatibility` runs the programs themselves.
@Suite("The version before this one")
struct PreviousVersionTests {
    private let lines: [(kind: Substring, text: Substring)]

    init() throws {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Previous"
        let bytes = try Directory.open(folder).read("transcript.txt", sizeMax: ByteCount(1 << 20))
        lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard let space = line.firstIndex(of: " "), line.first != "#" else { return nil }
            return (line[..<space], line[line.index(after: space)...])
        }
    }

    private func recorded(_ kind: String) -> [[UInt8]] { lines.filter { $0.kind == kind }.map { Array($0.text.utf8) } }

    /// The same with a member more in each object, as a newer version may send it; a case of an enumeration has one.
    private func newer(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            let inner = members.map { JSONMember($0.name, newer($0.value)) }
            if members.count == 1, case .object = members[0].value, members[0].name != "_0" { return .object(inner) }
            return .object(
                members.map(\.name) == ["_0"] ? inner : inner + [JSONMember("zzNewer", .string("of a later version"))])
        case .array(let values): return .array(values.map(newer))
        default: return value
        }
    }

    /// Nothing of it is lost, and what a newer version adds is passed over.
    private func expectUnderstood<Value: Codable & Equatable>(_ kind: String, as type: Value.Type) throws {
        let all = recorded(kind)
        #expect(all.count > 2)
        for bytes in all {
            let value = try JSONCoding.decode(type, from: bytes)
            let parsed = try JSONValue(parsing: bytes, limits: JSONLimits())
            #expect(try JSONCoding.value(of: value).canonicalBytes == parsed.canonicalBytes)
            #expect(try JSONCoding.decode(type, from: newer(parsed).wireBytes) == value)
        }
    }

    @Test("Reports of an agent of the version before are understood whole, and so are a later one's")
    func reports() throws { try expectUnderstood("reports", as: HostReportBatch.self) }

    @Test("Receipts of a controller of the version before are understood whole, and so are a later one's")
    func receipts() throws { try expectUnderstood("receipt", as: HostReportReceipt.self) }

    @Test("Assignments of a controller of the version before are understood, to the byte that was signed")
    func assignments() throws {
        let all = recorded("assignment")
        #expect(all.count == 3)
        for bytes in all {
            let json = try JSONValue(parsing: bytes, limits: JSONLimits())
            #expect(AgentOrder(eventName: "assignment", data: json) == .assignment(json))
            let envelope = try DSSEEnvelope(json: json)
            let assignment = try JSONCoding.decode(Assignment.self, from: envelope.payload)
            #expect(try JSONCoding.canonicalBytes(of: assignment) == envelope.payload)
        }
    }

    @Test("The journal of an agent of the version before is read to its end, as after an update of the agent")
    func journal() throws {
        let all = recorded("journal")
        #expect(all.count == 56)
        let reading = JournalReading(Array(all.joined(separator: [0x0A])) + [0x0A])
        #expect(!reading.hasGap)
        #expect(reading.lines.count == all.count)
        for (line, bytes) in zip(reading.lines, all) {
            #expect(try line.bytes() == bytes + [0x0A])
        }
    }
}
