import ControllerAPI
import Effects
import ReleaseDefinition
import Synchronization
import Testing

@Suite struct ClientTests {
    private func client(_ http: ScriptedHTTP) -> ControllerClient {
        ControllerClient(http: http, baseURL: "https://a.example", token: "t")
    }

    @Test("A list that comes in pages is whole in the end, and one that names no end ends")
    func pages() async throws {
        func page(_ ids: [String], _ next: String?) throws -> ScriptedHTTP.Answer {
            let items = ids.map {
                TokenView(
                    id: $0, person: "ann", createdAt: UTCInstant(secondsSince1970: 0), createdBy: "b",
                    expiresAt: nil, note: nil, isGood: true, revokedBecause: nil)
            }
            return .status(200, try JSONCoding.value(of: ListView(items: items, next: next)))
        }
        let http = ScriptedHTTP([try page(["a", "b"], "b+1"), try page(["c"], "c"), try page([], "c")])
        #expect(try await client(http).tokens().map(\.id) == ["a", "b", "c"])
        let asked = http.requests.map { $0.url.split(separator: "?").dropFirst().joined() }
        #expect(asked == ["", "after=b%2B1", "after=c"])
    }

    @Test(
        "An export says with each piece how many bytes there are in all, so that a terminal can be shown how far it is")
    func exportTotal() async throws {
        let http = ScriptedHTTP([
            .pieces([HTTPField("Content-Length", "5")], [[1, 2], [3, 4, 5]]), .pieces([], [[6]]),
        ])
        let told = Mutex<[Int64]>([])
        for _ in 1...2 {
            _ = try await client(http).export(
                try ReleaseName("web@1.0"), ExportRequest(host: try HostID("h1"), channel: nil, valid: .days(1))
            ) { piece, total in
                told.withLock { $0 += [Int64(piece.count), total.value] }
            }
        }
        #expect(told.withLock { $0 } == [2, 5, 3, 5, 1, 0])
    }

    @Test("A list whose pages go round is refused")
    func round() async throws {
        func page(_ next: String) throws -> ScriptedHTTP.Answer {
            let view = TokenView(
                id: next, person: "ann", createdAt: UTCInstant(secondsSince1970: 0), createdBy: "b", expiresAt: nil,
                note: nil, isGood: true, revokedBecause: nil)
            return .status(200, try JSONCoding.value(of: ListView(items: [view], next: next)))
        }
        let http = ScriptedHTTP([try page("a"), try page("b"), try page("a"), try page("b")])
        let error = await #expect(throws: ControllerAPIError.self) { _ = try await client(http).tokens() }
        #expect(error?.code == "api.answer")
        #expect(http.requests.count == 3)
    }

    @Test("A policy over a version is sent with the tag of that version, and never with the tag of another")
    func over() async throws {
        let view = PolicyView(
            version: 3, appliedAt: UTCInstant(secondsSince1970: 0), appliedBy: "ann", reason: "r", text: "")
        for (version, expected) in [(3, "\"tag\""), (2, "\"version 2\"")] {
            let answer = ScriptedHTTP.Answer.status(200, try JSONCoding.value(of: view))
            let http = ScriptedHTTP([answer, answer])
            _ = try await client(http).applyPolicy(PolicyRequest(text: "", reason: "r"), over: version)
            #expect(http.requests.last?.headers.contains(HTTPField("If-Match", expected)) == true)
        }
    }
}
