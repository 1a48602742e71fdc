import Effects
import Glibc
import ReleaseDefinition

/// Tests/Interop/oidc_provider.py: a real provider of identities, that does wrong when it is told to.
public struct TestProvider: Sendable {
    /// Its Python, with joserfc.
    public static let python = getenv("SLIPWAY_TEST_OIDC").map { String(cString: $0) }
    public static let absent = "scripts/test installs joserfc and names its Python in SLIPWAY_TEST_OIDC"

    public let url: String
    /// PEM.
    public let authority: String
    public let http: LiveHTTP
    private let service: ServiceProcess

    struct Trouble: Error { var words: String }

    /// It ends with the body, however that ends.
    public static func serving<Value>(_ body: (TestProvider) async throws -> Value) async throws -> Value {
        guard let python else { throw Trouble(words: absent) }
        let folder = try TemporaryFolder()
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let processes = LiveProcesses()
        let service = try processes.startService(
            ProcessCommand(
                executable: python, arguments: ["\(root)/Tests/Interop/oidc_provider.py", folder.path],
                workingDirectory: "/", timeout: .minutes(5)), log: "\(folder.path)/log")
        let result: Result<Value, any Error>
        do {
            let deadline = ContinuousClock.now + .seconds(60)
            while try folder.directory.status("url") == nil {
                guard ContinuousClock.now < deadline else { throw Trouble(words: "the provider did not start") }
                try await Task.sleep(for: .milliseconds(5))
            }
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
    public func stop() async throws { try await LiveProcesses().stopService(service, grace: .seconds(1)) }

    /// - Parameter asked: `{"key": …, "claims": {…}, "at": {"exp": seconds from now}, "header": {…}}`.
    public func token(_ asked: String = "{}") async throws -> String {
        let answer = try await control("sign", asked)
        guard let token = try JSONValue(parsing: answer.body)["token"]?.stringValue else {
            throw Trouble(words: "no token for \(asked)")
        }
        return token
    }

    @discardableResult
    public func control(_ verb: String, _ asked: String = "{}") async throws -> HTTPResponse {
        let answer = try await http.send(HTTPRequest("POST", "\(url)/control/\(verb)", body: Array(asked.utf8)))
        guard answer.status == 200 else { throw Trouble(words: "\(verb) \(asked) answered \(answer.status)") }
        return answer
    }

    /// How often it was asked for its keys.
    public func timesAsked(_ path: String = "/jwks") async throws -> Int {
        let answer = try await http.send(HTTPRequest("GET", "\(url)/control/counts"))
        return Int(try JSONValue(parsing: answer.body)[path]?.integerValue ?? 0)
    }

    /// As a browser whose person agrees: where the provider sends it back to.
    public func agree(to address: String) async throws -> String {
        let answer = try await http.send(HTTPRequest("GET", address))
        guard answer.status == 302, let location = answer.head["Location"] else {
            throw Trouble(words: "\(address) answered \(answer.status)")
        }
        return location
    }
}
