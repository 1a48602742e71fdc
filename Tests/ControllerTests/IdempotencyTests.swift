import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Requests that are sent twice")
struct IdempotencyTests {
    @Test("The same key with the same body does it once and answers alike; with another body it is refused")
    func once() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            func grant(_ set: String, key: String?) async throws -> HTTPResponse {
                let body = try JSONCoding.value(of: GrantRequest(person: "admin", set: set)).wireBytes
                let headers = key.map { [HTTPField(IdempotencyKeys.header, $0)] } ?? []
                return try await admin.send("POST", "/v1/grants", headers: headers, bytes: body)
            }
            func grants() async throws -> Int {
                try await admin.send("GET", "/v1/grants").json(ListView<GrantView>.self).items.count
            }
            let before = try await grants()
            let first = try await grant("viewer", key: "one")
            #expect(first.status == 201)
            let second = try await grant("viewer", key: "one")
            #expect(second.status == 201 && second.body == first.body)
            #expect(try await grants() == before + 1)
            let other = try await grant("builder", key: "one")
            #expect(other.status == 422 && other.problemCode == "controller.request.idempotencyKey")
            #expect(try await grants() == before + 1)
            #expect(try await grant("nonsense", key: "two").status >= 400)
            #expect(try await grant("builder", key: "two").status == 201, "what was refused may be corrected")
            #expect(try await grant("viewer", key: String(repeating: "x", count: 256)).status == 400)
            await admin.close()
        }
    }

    @Test("What the caller has already is not sent again")
    func unchanged() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let first = try await admin.send("GET", "/v1/keys")
            let tag = try #require(first.head["ETag"])
            let again = try await admin.send("GET", "/v1/keys", headers: [HTTPField("If-None-Match", tag)])
            #expect(again.status == 304 && again.body.isEmpty)
            let stale = try await admin.send("GET", "/v1/keys", headers: [HTTPField("If-None-Match", "\"x\"")])
            #expect(stale.status == 200 && stale.body == first.body)
            await admin.close()
        }
    }
}
