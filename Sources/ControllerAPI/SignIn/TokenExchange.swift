import AgentProtocol
import Effects
import FoundationEssentials
import ReleaseDefinition

/// A client's question to a token endpoint: identity token for code (RFC 6749 4.1.3, RFC 7636 4.5) or for refresh token
/// (RFC 6749 6).
public struct TokenExchange: Sendable {
    /// It answered, and gave no identity token.
    public struct Refusal: Error, Equatable {
        /// For a sentence about the issuer: `answered "invalid_grant" and gave no identity token`.
        public var words: String

        public init(words: String) { self.words = words }
    }

    /// How a client that has a secret shows it (RFC 6749 2.3.1).
    public enum Secret: Sendable {
        case header(String)
        case form(String)
    }

    public var endpoint: String
    public var clientID: String
    public var secret: Secret?
    /// Of the whole exchange.
    public var timeout: TimeSpan

    public init(_ endpoint: String, clientID: String, secret: Secret? = nil, timeout: TimeSpan = .seconds(30)) {
        self.endpoint = endpoint
        self.clientID = clientID
        self.secret = secret
        self.timeout = timeout
    }

    /// - Parameter form: what is exchanged, without the client.
    /// - Returns: the whole answer, at most `ProviderEndpoints.documentMax`, and its `id_token`, which nobody has verified.
    /// - Throws: `Refusal`, `effects.http.…`.
    public func answer(
        to form: [(String, String)], _ http: any HTTPDoor
    ) async throws -> (value: JSONValue, identityToken: String) {
        var form = form + [("client_id", clientID)]
        var headers = [
            HTTPField("Content-Type", "application/x-www-form-urlencoded"), HTTPField("Accept", "application/json"),
        ]
        switch secret {
        case .form(let secret): form.append(("client_secret", secret))
        case .header(let secret):
            let pair = "\(clientID.percentEncoded):\(secret.percentEncoded)"
            headers.append(HTTPField("Authorization", "Basic \(Data(pair.utf8).base64EncodedString())"))
        case nil: break
        }
        let body = form.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&")
        let answer = try await http.send(
            HTTPRequest(
                "POST", endpoint, headers: headers, body: Array(body.utf8),
                responseSizeMax: ProviderEndpoints.documentMax, timeout: timeout))
        let value = try? JSONValue(parsing: answer.body)
        guard answer.status == 200, let value, let token = value["id_token"]?.stringValue else {
            // An error's code is a word of the protocol; the rest of an answer may hold anything.
            let code =
                value?["error"]?.stringValue.map { $0.bounded(100).debugDescription } ?? "status \(answer.status)"
            throw Refusal(words: "answered \(code) and gave no identity token")
        }
        return (value, token)
    }
}
