import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Every file of the agent's state, damaged", .serialized)
struct StateDamageTests {
    /// Files below a folder, by path.
    private static func files(_ folder: Directory, _ path: String = ".") throws -> [String] {
        try folder.list(path).flatMap { entry -> [String] in
            let inner = path == "." ? entry.name : path + "/" + entry.name
            switch entry.kind {
            case .directory: return try files(folder, inner)
            case .file: return [inner]
            case .symlink, .other: return []
            }
        }
    }

    private enum Damage: String, CaseIterable { case empty, half, flipped, gone }

    /// What nothing can be guessed from: who this host is, and the root that it trusts.
    private static let essential = ["agent.json", "trust/pinned-root"]

    @Test(
        "R37: whatever file is emptied, cut, changed or gone, the agent starts and what runs goes on, or it says what is wrong"
    )
    func everyFile() async throws {
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "back-out" })
        let names = try Self.files(scenario.dir.directory).filter { !$0.hasPrefix("logs/") && !$0.hasSuffix(".lock") }
        #expect(names.count > 12)
        let cases = names.flatMap { name in Damage.allCases.map { (name, $0) } }
        let step = Sweep.share ?? max(1, cases.count / 9)
        let chosen = stride(from: 0, to: cases.count, by: step).map { cases[$0] }
        try await inParallel(chosen, width: Sweep.width(sample: 2)) { try await Self.attempt(scenario, $0, $1) }
        print("faults: state: \(chosen.count) of \(cases.count) damages of \(names.count) files")
    }

    private static func attempt(_ scenario: FaultScenario, _ name: String, _ damage: Damage) async throws {
        let host = try await FaultHost(scenario, shim: "")
        try Self.damage(host.dir.directory, name, damage)
        let told = try await host.run(["status"])
        let what = "\(name), \(damage.rawValue)"
        guard case .exited(let code) = told.end else {
            Issue.record("\(what): \(told.end) \(told.output)")
            return try await host.end()
        }
        // Nothing can be told of what runs without the journal, and that is said.
        let isLost = name == "journal" && told.output.contains("agent.journal.lost")
        #expect(code == 0 || Self.essential.contains(name) || isLost, "\(what): \(told.output)")
        // The links say what runs, whatever was lost; the next installation puts everything there again.
        let link = try host.root.directory.readLink("opt/web")
        #expect(link.hasPrefix("web.releases/1.5-"), "\(what)")
        let back = try await host.run(["back-out", "web"])
        guard case .exited = back.end else {
            Issue.record("\(what): \(back.end) \(back.output)")
            return try await host.end()
        }
        guard let target = try? host.root.directory.readLink("opt/web") else {
            Issue.record("\(what): nothing is shown: \(back.end) \(back.output)")
            return try await host.end()
        }
        let version = try host.root.directory.read("opt/\(target)/VERSION", sizeMax: ByteCount(100))
        #expect(["1.4", "1.5"].contains(String(decoding: version, as: UTF8.self)), "\(what): \(back.output)")
        if back.end != .exited(0) {
            #expect(back.output.contains("slipway-agent: "), "\(what): it says nothing: \(back.output)")
        }
        try await host.end()
    }

    private static func damage(_ folder: Directory, _ name: String, _ damage: Damage) throws {
        var bytes = try folder.read(name, sizeMax: ByteCount(64 << 20))
        switch damage {
        case .empty: bytes = []
        case .half: bytes = Array(bytes.prefix(bytes.count / 2))
        case .flipped: if !bytes.isEmpty { bytes[bytes.count / 2] ^= 0x11 }
        case .gone: return try folder.removeFile(name)
        }
        let mode = try folder.status(name)?.mode ?? 0o600
        try folder.writeDurably(name, bytes, mode: mode)
    }
}
