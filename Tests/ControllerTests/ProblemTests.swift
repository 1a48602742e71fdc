import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("What is told of a problem")
struct ProblemTests {
    @Test("The type of a problem leads to the words of slipway explain, as text and as a page, without a credential")
    func type() async throws {
        let test = try TestController()
        try await test.run { running in
            let stranger = try TestClient(test, running)
            let problem = try await stranger.send("GET", "/v1/hosts").json(Problem.self)
            let explanation = try #require(ErrorCatalogue.explanation(of: problem.type))
            #expect(explanation.code == problem.code)
            let text = try await stranger.send("GET", problem.type)
            #expect(text.status == 200 && text.head["Content-Type"] == "text/plain; charset=utf-8")
            #expect(
                String(decoding: text.body, as: UTF8.self)
                    == "\(problem.code)\n\n\(explanation.meaning)\n\nWhat to do: \(explanation.remedy)\n")
            let browser = [HTTPField("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
            let page = try await stranger.send("GET", problem.type, headers: browser)
            #expect(page.status == 200 && page.head["Content-Type"] == "text/html; charset=utf-8")
            #expect(String(decoding: page.body, as: UTF8.self).contains("<h1>\(problem.code)</h1>"))
            for code in ["nonsense", "%3Cscript%3E", String(repeating: "x", count: 5000)] {
                let none = try await stranger.send("GET", "/problems/\(code)", headers: browser)
                #expect(none.status == 404 && none.problemCode == "controller.request.notFound")
            }
            await stranger.close()
        }
    }

    @Test("Every code has a page in which nothing of its words is markup")
    func pages() async throws {
        let test = try TestController()
        try await test.run { running in
            let stranger = try TestClient(test, running)
            for one in ErrorCatalogue.all {
                let page = try await stranger.send(
                    "GET", Problem.path + one.code, headers: [HTTPField("Accept", "text/html")])
                #expect(page.status == 200, "\(one.code)")
                let tags = String(decoding: page.body, as: UTF8.self).matches(of: /<\/?([a-z!]+)/).map { $0.output.1 }
                #expect(
                    Set(tags) == ["!doctype", "html", "head", "meta", "title", "body", "main", "h", "p"], "\(one.code)")
            }
            await stranger.close()
        }
    }

    @Test("Each fault of a body is told with a pointer to its member, all at once")
    func faults() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            func errors(_ path: String, _ body: String) async throws -> [String?] {
                let response = try await client.send("POST", path, bytes: Array(body.utf8))
                #expect(response.status == 400 && response.problemCode == "controller.request.body")
                let problem = try response.json(Problem.self)
                #expect(problem.errors?.allSatisfy { !$0.detail.isEmpty } ?? true)
                return (problem.errors ?? []).map(\.pointer)
            }
            #expect(try await errors("/v1/grants", #"{"person":1,"hosts":[]}"#) == ["#/set", "#/hosts", "#/person"])
            #expect(try await errors("/v1/grants", "[]") == ["#"])
            #expect(try await errors("/v1/grants", "[") == [], "what is no JSON has no members")
            // The form of a value is its reader's to judge.
            let definition = try JSONCoding.value(of: TestFleet.definition("1.0")).objectValue ?? []
            let wrong = definition.map { $0.name == "release" ? JSONMember("release", .string("nonsense")) : $0 }
            let text = String(decoding: JSONValue.object(wrong).wireBytes, as: UTF8.self)
            #expect(try await errors("/v1/rollouts/plans", text) == ["#/release"])
            #expect(
                try await errors("/v1/rollouts/order", #"{"rollouts":[{"release":1,"hosts":"all"}, 5]}"#)
                    == [
                        "#/rollouts/0/backOut", "#/rollouts/0/environment", "#/rollouts/0/limits",
                        "#/rollouts/0/strategy", "#/rollouts/0/release", "#/rollouts/1",
                    ])
            await client.close()
        }
    }

    @Test("Each problem of a policy is told with its own code and line, under the member that holds the policy")
    func policy() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            func problem(_ text: String) async throws -> Problem {
                let response = try await client.post("/v1/policy/checks", PolicyRequest(text: text, reason: "r"))
                #expect(response.status == 422)
                return try response.json(Problem.self)
            }
            let invalid = try await problem("nonsense: 1\nmore: 2\n")
            #expect(invalid.code == "definitionFiles.invalid")
            #expect(invalid.errors?.map(\.line) == [1, 2])
            #expect(invalid.errors?.allSatisfy { $0.pointer == "#/text" && $0.code?.isEmpty == false } == true)
            #expect(invalid.errors?.map(\.detail).joined(separator: "\n") == invalid.cause)
            await client.close()
        }
    }

    @Test("Whatever stands in Accept, it is read; what is no weight is none")
    func accept() {
        for weight in ["nan", "-nan", "inf", "-inf", "1e999", "-1", "0x1p-9999", "q"] {
            let media = AcceptedMedia("text/html;q=\(weight), text/plain")
            #expect(media.prefers("text/html", to: "text/plain") == false, "\(weight)")
        }
        #expect(AcceptedMedia("text/html;q=2").prefers("text/html", to: "text/plain"))
        #expect(AcceptedMedia("text/html;q=0.5").prefers("text/html", to: "text/plain"))
    }

    @Test("A pointer into a document is escaped as RFC 6901 and a URI's fragment want it")
    func pointer() {
        #expect(JSONPointer().text == "#")
        #expect(JSONPointer().appending("a/b").appending("m~n").appending("1").text == "#/a~1b/m~0n/1")
        #expect(JSONPointer().appending("ä ").text == "#/%C3%A4%20")
    }
}
