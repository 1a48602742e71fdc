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

    private enum Damage {
        case empty, gone
        case cut(to: Int)
        case flipped(at: Int)

        /// Cut at every 512 bytes and in the middle, and so many bytes changed as are spread over it.
        static func all(_ size: Int) -> [Damage] {
            let cuts = Set(stride(from: 512, to: size, by: 512)).union([size / 2]).subtracting([0])
            let flips = Set((0..<flipsMax).map { size * $0 / flipsMax }.filter { $0 < size })
            return [.empty, .gone] + cuts.sorted().map { .cut(to: $0) } + flips.sorted().map { .flipped(at: $0) }
        }

        private static let flipsMax = 8
    }

    /// What nothing can be guessed from: who this host is, and the root that it trusts.
    private static let essential = ["agent.json", "trust/pinned-root"]

    @Test(
        "R37: whatever file is emptied, cut, changed or gone, the agent starts and what runs goes on, or it says what is wrong"
    )
    func everyFile() async throws {
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "back-out" })
        let names = try Self.files(scenario.dir.directory).filter { !$0.hasPrefix("logs/") && !$0.hasSuffix(".lock") }
        #expect(names.count > 12)
        let cases = try names.flatMap { name in
            Damage.all(Int(try scenario.dir.directory.status(name)?.size.value ?? 0)).map { (name, $0) }
        }
        let step = Sweep.share ?? max(1, cases.count / 9)
        let chosen = stride(from: 0, to: cases.count, by: step).map { cases[$0] }
        try await inParallel(chosen, width: Sweep.width(sample: 2)) { try await Self.attempt(scenario, $0, $1) }
        print("faults: state: \(chosen.count) of \(cases.count) damages of \(names.count) files")
    }

    private static func attempt(_ scenario: FaultScenario, _ name: String, _ damage: Damage) async throws {
        let host = try await FaultHost(scenario, shim: "")
        try Self.damage(host.dir.directory, name, damage)
        let told = try await host.run(["status"])
        let what = "\(name), \(damage)"
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
        if name == "journal" {
            // Also where it was cut between two lines: the links tell what it knew.
            #expect((told.output + back.output).contains("journal"), "\(what): \(told.output) \(back.output)")
            let known = try HostState(reading: host.dir.directory)
            let running = known.record(of: TestRepository.product).current?.folder
            #expect(running.map { target.hasSuffix($0) } == true, "\(what): it knows of \(running ?? "nothing")")
        }
        if back.end != .exited(0) {
            #expect(back.output.contains("slipway-agent: "), "\(what): it says nothing: \(back.output)")
        }
        try await host.end()
    }

    private static func damage(_ folder: Directory, _ name: String, _ damage: Damage) throws {
        var bytes = try folder.read(name, sizeMax: ByteCount(64 << 20))
        switch damage {
        case .empty: bytes = []
        case .cut(let length): bytes = Array(bytes.prefix(length))
        case .flipped(let position): bytes[position] ^= 0x11
        case .gone: return try folder.removeFile(name)
        }
        let mode = try folder.status(name)?.mode ?? 0o600
        try folder.writeDurably(name, bytes, mode: mode)
    }
}
