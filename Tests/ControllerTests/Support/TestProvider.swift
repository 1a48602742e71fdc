import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing
import TestSupport

@testable import ControllerLibrary

/// Tests/Interop/oidc_provider.py: a real provider of identities, that does wrong when it is told to.
struct TestProvider: Sendable {
    /// Its Python, with joserfc.
    static let python = ProcessInfo.processInfo.environment["SLIPWAY_TEST_OIDC"]
    static let absent: Comment = "scripts/test installs joserfc and names its Python in SLIPWAY_TEST_OIDC"

    let url: String
    /// PEM.
    let authority: String
    let http: LiveHTTP
    private let service: ServiceProcess

    /// It ends with the body, however that ends.
    static func serving<Value>(_ body: (TestProvider) async throws -> Value) async throws -> Value {
        let folder = try TestSupport.TemporaryFolder()
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Interop/oidc_provider.py").standardizedFileURL.path
        let processes = LiveProcesses()
        let service = try processes.startService(
            ProcessCommand(
                executable: try #require(python), arguments: [script, folder.path], workingDirectory: "/",
                timeout: .minutes(5)), log: "\(folder.path)/log")
        let result: Result<Value, any Error>
        do {
            try await eventually { try folder.directory.status("url") != nil }
            func text(_ name: String) throws -> String {
                String(decoding: try folder.directory.read(name, sizeMax: ByteCount(1 << 16)), as: UTF8.self)
            }
            let authority = try text("authority.pem")
            let http = try LiveHTTP(identity: TLSIdentity(trustRoots: authority), userAgent: "slipway-tests")
            let provider = TestProvider(url: try text("url"), authority: authority, http: http, service: service)
            result = .success(try await body(provider))
            await http.shutdown()
        } catch { result = .failure(error) }
        try await processes.stopService(service, grace: .seconds(1))
        return try result.get()
    }

    /// Nobody answers at its address any more.
    func stop() async throws { try await LiveProcesses().stopService(service, grace: .seconds(1)) }

    /// - Parameter asked: `{"key": …, "claims": {…}, "at": {"exp": seconds from now}, "header": {…}}`.
    func token(_ asked: String = "{}") async throws -> String {
        let answer = try await control("sign", asked)
        return try #require(try JSONValue(parsing: answer.body)["token"]?.stringValue)
    }

    @discardableResult
    func control(_ verb: String, _ asked: String = "{}") async throws -> HTTPResponse {
        let answer = try await http.send(HTTPRequest("POST", "\(url)/control/\(verb)", body: Array(asked.utf8)))
        try #require(answer.status == 200)
        return answer
    }

    /// How often it was asked for its keys.
    func timesAsked(_ path: String = "/jwks") async throws -> Int {
        let answer = try await http.send(HTTPRequest("GET", "\(url)/control/counts"))
        return Int(try JSONValue(parsing: answer.body)[path]?.integerValue ?? 0)
    }

    /// Writes `oidc.json`, with this one as the issuer `company`.
    func configure(_ test: TestController, _ members: String = Self.usual) throws {
        let folder = try Directory.open(test.folder.path)
        let made = try folder.createDirectory("oidc", mode: 0o700)
        try made.writeDurably("authority.pem", Array(authority.utf8), mode: 0o600)
        try made.writeDurably("console.secret", Array("console-secret\n".utf8), mode: 0o600)
        let text = """
            {"issuers": [{"name": "company", "url": "\(url)", "authority": "oidc/authority.pem", \(members)}]}
            """
        try folder.writeDurably(OIDCSettings.fileName, Array(text.utf8), mode: 0o600)
    }

    static let usual = """
        "command": {"clientID": "slipway-cli", "scopes": ["openid", "offline_access"]},
        "console": {"clientID": "slipway-console", "secretFile": "oidc/console.secret"},
        "grants": [
            {"claims": {"groups": "operators"}, "set": "operator"},
            {"claims": {"groups": "administrators"}, "set": "admin"},
            {"beginnings": {"sub": "repo:org/app:"}, "set": "builder", "product": "app"}
        ]
        """
}
