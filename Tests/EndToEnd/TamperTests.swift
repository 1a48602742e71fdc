import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// A pulling host against a static copy that somebody spoils: it must say why, keep what it runs, and go on once the
    /// copy is right again.
    @Suite(.serialized) struct Tampering {
        @Test(
            "A tampered file on the static server is refused and the host keeps what it runs",
            arguments: Spoiled.allCases)
        func tampered(_ spoiled: Spoiled) async throws {
            let fleet = try await Fleet()
            let right = fleet.folder + "/published"
            try await fleet.done("repository", "publish", right)
            let url = try await fleet.startWebServer(serving: right)
            let agent = try await fleet.addAgent(.pull(url))
            try await fleet.allOnline()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            try await fleet.done(
                "rollout", "start", RolloutSource.write("web-service@1.0", below: fleet.folder), "--detach")
            try await fleet.publishUntil("1.0", runsOn: agent, folder: right)
            let tree = try #require(agent.installedTree)

            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let release = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.1")
            try await fleet.done(
                "rollout", "start", RolloutSource.write("web-service@1.1", below: fleet.folder), "--detach")
            let wrong = fleet.folder + "/spoiled"
            try await fleet.publishComplete(wrong, naming: release.manifest)
            try spoiled.spoil(wrong, release: release)
            let logged = agent.log.utf8.count
            try fleet.serve(wrong)

            try await eventually("the host says why: \(agent.log)") {
                let said = String(decoding: agent.log.utf8.dropFirst(logged), as: UTF8.self)
                return said.contains(spoiled.code)
            }
            #expect(await fleet.answer(of: agent) == "1.0")
            #expect(agent.installedTree == tree)
        }
    }
}

/// What is spoiled, and the error code that the host answers with.
enum Spoiled: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case payload, index, manifest, timestamp, snapshot, role, assignment

    var testDescription: String { rawValue }

    var code: String {
        switch self {
        case .payload, .index: "packaging.blob.digest"
        case .manifest: "trust.target.hash"
        case .timestamp: "trust.timestamp.signatures"
        case .snapshot: "trust.snapshot.hash"
        case .role: "trust.role.hash"
        case .assignment: "trust.envelope.signatures"
        }
    }

    func spoil(_ folder: String, release: ReleaseView) throws {
        let unit = release.units.first
        let paths: [String]
        switch self {
        case .payload: paths = ["blobs/\(unit?.payload.hex ?? "-")"] + (try Self.patches(folder))
        case .index:
            // The unit's index is the other blob that only this release has: found by its manifest.
            let manifest = try JSONValue(parsing: Files.bytes(try Self.manifestPath(folder, release)))
            let index = manifest["units"]?.arrayValue?.first?["payload"]?["index"]?["sha256"]?.stringValue
            paths = ["blobs/\(index ?? "-")"] + (try Self.patches(folder))
        case .manifest: paths = [String(try Self.manifestPath(folder, release).dropFirst(folder.count + 1))]
        case .timestamp: paths = ["metadata/timestamp.json"]
        case .snapshot:
            paths = Files.list(folder + "/metadata").filter { $0.hasSuffix(".snapshot.json") }.map { "metadata/\($0)" }
        case .role:
            paths = Files.list(folder + "/metadata").filter { $0.hasSuffix(".staging-web-service.json") }.map {
                "metadata/\($0)"
            }
        case .assignment: paths = Files.list(folder + "/director").map { "director/\($0)" }
        }
        guard !paths.isEmpty else { throw TestFailure(description: "nothing to spoil for \(self) in \(folder)") }
        for path in paths { try Self.flip("\(folder)/\(path)", after: self == .timestamp ? "\"expires\":\"20" : nil) }
    }

    /// With a sound one a host needs neither payload nor index.
    private static func patches(_ folder: String) throws -> [String] {
        try Files.list(folder + "/blobs").map { "blobs/\($0)" }.filter {
            try Files.bytes("\(folder)/\($0)").starts(with: Array("slipway.patch/1\n".utf8))
        }
    }

    private static func manifestPath(_ folder: String, _ release: ReleaseView) throws -> String {
        let name = "\(release.manifest.hex).manifest.json"
        guard let path = Files.walk(folder + "/targets").first(where: { $0.hasSuffix(name) }) else {
            throw TestFailure(description: "\(folder) holds no \(name)")
        }
        return "\(folder)/targets/\(path)"
    }

    /// One digit or letter becomes another, in the middle or after a text: the length stays, and JSON stays JSON.
    static func flip(_ path: String, after text: String?) throws {
        var bytes = try Files.bytes(path)
        let start = text.flatMap { bytes.firstRange(of: Array($0.utf8))?.upperBound } ?? bytes.count / 2
        let isWord = { (byte: UInt8) in (0x30...0x38).contains(byte) || (0x61...0x65).contains(byte) }
        guard let position = bytes.indices.dropFirst(start).first(where: { isWord(bytes[$0]) }) else {
            throw TestFailure(description: "\(path) has nothing to flip")
        }
        bytes[position] += 1
        try Files.write(path, bytes)
    }
}

extension Fleet {
    /// Publishes again and again, as a cron job would, until the host runs the version.
    func publishUntil(_ version: String, runsOn agent: FleetAgent, folder: String) async throws {
        try await eventually("\(agent.name) runs \(version): \(agent.log)") {
            try await done("repository", "publish", folder)
            return await answer(of: agent) == version
        }
        try await everyHostRuns(version)
    }

    /// Publishes until the copy names the release: its assignment is written by the rollout, a moment after the start.
    func publishComplete(_ folder: String, naming manifest: SHA256Digest) async throws {
        try await eventually("the channel's assignment is new") {
            try await done("repository", "publish", folder)
            return try Files.list(folder + "/director").contains { name in
                let envelope = try JSONValue(parsing: Files.bytes("\(folder)/director/\(name)"))
                let payload = envelope["payload"]?.stringValue.flatMap(Base64.decode) ?? []
                return String(decoding: payload, as: UTF8.self).contains(manifest.hex)
            }
        }
    }
}

enum Base64 {
    /// RFC 4648 4, padding optional; nil for anything else.
    static func decode(_ text: String) -> [UInt8]? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var (bits, count, bytes) = (UInt32(0), 0, [UInt8]())
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            (bits, count) = (bits << 6 | UInt32(value), count + 6)
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
