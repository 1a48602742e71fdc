import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

/// The Python that has it.
private let schemathesis = getenv("SLIPWAY_TEST_SCHEMATHESIS").map { String(cString: $0) }

extension EndToEnd {
    /// The running controller against its own /openapi.yaml, by schemathesis (Harness/contract.py).
    @Suite(
        .serialized, .enabled(if: schemathesis != nil, "scripts/test installs schemathesis and names its Python"))
    struct Contract {
        /// Each tenth where it is ten; nil: a sample.
        private static let share = getenv("SLIPWAY_FAULTS").map { max(1, Int(String(cString: $0)) ?? 1) }
        private static let callsMin = share.map { 50_000 / $0 } ?? 10_000
        /// For each operation and caller, beside those that cover its description.
        private static let examples = share.map { 230 / $0 } ?? 25

        private struct Counts: Codable {
            var calls: Int
            var succeeded: Int
            var operations: Int
            var unasked: [String]
            var statuses: [String: Int]
        }

        @Test(
            "Whatever is asked of the API is answered as /openapi.yaml says, and never by a failure of the controller")
        func everything() async throws {
            let python = try #require(schemathesis)
            let fleet = try await Fleet.running("1.0", pushed: 1)
            try await fleet.liftRates()
            let token = try await fleet.json(NewToken.self, "tokens", "create", "olga")
            try await fleet.done("grants", "add", "olga", "operator")
            let callers = [fleet.controllerFolder + "/admin.token", fleet.folder + "/olga.token"]
            try Files.write(callers[1], Array(token.token.utf8), mode: 0o600)
            // The same requests each time; scripts/faults asks others.
            let seed = Self.share == nil ? "1" : "\(UInt32.random(in: 1...UInt32.max))"
            let runs = try await withThrowingTaskGroup(of: (String, ChildProcess.Result).self) { group in
                for caller in callers {
                    group.addTask {
                        let words = [
                            Files.root + "/Tests/EndToEnd/Harness/contract.py", fleet.controllerURL,
                            fleet.controllerFolder + "/ca/authority.pem", caller, "\(Self.examples)", seed,
                        ]
                        return (
                            caller,
                            try await ChildProcess.run(
                                python, words, folder: fleet.folder + "/run", timeout: .seconds(1800))
                        )
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            var calls = 0
            for (caller, run) in runs {
                #expect(run.status == 0, "seed \(seed), \(caller): \(run.errors)")
                let counts = try JSONCoding.decode(Counts.self, from: Array(run.output.utf8))
                print("faults: \(caller.split(separator: "/").last ?? ""), seed \(seed): \(counts)")
                #expect(counts.statuses.keys.filter { $0.hasPrefix("5") } == [])
                // All that is described, but the streams that never end.
                #expect(counts.unasked == [], "\(counts)")
                calls += counts.calls
            }
            #expect(calls >= Self.callsMin, "a run of \(calls) calls shows too little")
        }
    }
}

extension Fleet {
    /// One caller asks as fast as the machine goes, and is not to be told to wait; RateLimitTests hold the limits.
    func liftRates() async throws {
        let file = controllerFolder + "/controller.json"
        guard case .object(let members) = try JSONValue(parsing: Files.bytes(file)) else { return }
        let rule = JSONValue.object([
            JSONMember("burst", .integer(1 << 30)), JSONMember("perSecond", .integer(1 << 20)),
        ])
        let limits = JSONValue.object(["person", "host", "address", "refusals"].map { JSONMember($0, rule) })
        killController()
        try Files.write(file, JSONValue.object(members + [JSONMember("limits", limits)]).prettyBytes, mode: 0o600)
        try await startController()
        try await allOnline()
    }
}
