import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// Somebody at the console, as a browser without a script: a cookie, and the forms of the pages.
struct TestBrowser: Sendable {
    static let isForm = HTTPField("Content-Type", "application/x-www-form-urlencoded")

    let client: TestClient
    let cookie: String
    /// Of the session.
    let proof: String

    static func signIn(_ token: String, _ client: TestClient) async throws -> TestBrowser {
        let signedIn = try await client.send(
            "POST", "/console/sign-in", headers: [isForm], bytes: Array("token=\(token)".utf8))
        let cookie = try #require(signedIn.header("Set-Cookie")?.split(separator: ";").first).description
        let page = try await client.send("GET", "/", headers: [HTTPField("Cookie", cookie)])
        let proof = try #require(page.text.firstMatch(of: /name="proof" value="([0-9a-f]{64})"/)?.output.1)
        return TestBrowser(client: client, cookie: cookie, proof: String(proof))
    }

    func page(_ path: String) async throws -> HTTPResponse {
        try await client.send("GET", path, headers: [HTTPField("Cookie", cookie)])
    }

    /// - Parameters:
    ///   - proof: nil: of this session; empty: none.
    ///   - headers: where a browser says it comes from.
    func post(
        _ path: String, _ fields: String = "", proof: String? = nil,
        headers: [HTTPField] = [HTTPField("Sec-Fetch-Site", "same-origin")]
    ) async throws -> HTTPResponse {
        let proof = proof ?? self.proof
        let body = (proof.isEmpty ? "" : "proof=\(proof)&") + fields
        return try await client.send(
            "POST", path, headers: [Self.isForm, HTTPField("Cookie", cookie)] + headers, bytes: Array(body.utf8))
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}
