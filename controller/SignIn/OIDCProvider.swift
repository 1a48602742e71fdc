import ControllerAPI
import Effects
import ReleaseDefinition

/// An issuer's server: where it answers (OpenID Connect Discovery), and its keys, kept for a while. What it sends is
/// bounded in bytes and time, no redirect is followed, and nobody can make us ask it more often than `pause`.
actor OIDCProvider {
    /// Why it could not be asked; the caller decides whether that matters.
    struct Trouble: Error {
        var words: String
        init(_ words: String) { self.words = words }
    }

    /// Between two questions, whatever tokens come.
    static let pause = TimeSpan.seconds(30)
    /// Then they are asked for again, and a key that is gone counts no more.
    static let keysRefreshedAfter = TimeSpan.hours(1)
    /// While the provider is down.
    static let keysKeptAtMost = TimeSpan.hours(24)
    static let keysMax = ByteCount(256 << 10)
    static let timeout = TimeSpan.seconds(8)

    nonisolated let issuer: OIDCIssuer
    private let http: any HTTPDoor
    private let time: any TimeDoor
    private var endpoints: ProviderEndpoints?
    private var keys = ProviderKeys.none
    private var keysAt: TimeSpan?
    private var askedAt: TimeSpan?
    private var trouble: Trouble?
    private var question: Task<Void, Never>?

    init(_ issuer: OIDCIssuer, http: any HTTPDoor, time: any TimeDoor) {
        self.issuer = issuer
        self.http = http
        self.time = time
    }

    /// The key that a token names.
    /// - Throws: `controller.access.identityKey`; `controller.access.provider` where the issuer would have to be asked and
    ///   cannot be.
    func key(for token: UnverifiedIdentityToken) async throws -> ProviderKeys.Key {
        if let key = keys.key(for: token), isWithin(Self.keysRefreshedAfter) { return key }
        await refresh()
        if let key = keys.key(for: token), isWithin(Self.keysKeptAtMost) { return key }
        if let trouble { throw ControllerError.provider(issuer, trouble) }
        throw ControllerError.identityKey(issuer)
    }

    /// - Throws: `controller.access.provider`.
    func knownEndpoints() async throws -> ProviderEndpoints {
        if let endpoints, isWithin(Self.keysRefreshedAfter) { return endpoints }
        await refresh()
        guard let endpoints else {
            throw ControllerError.provider(issuer, trouble ?? Trouble("it was not asked yet"))
        }
        return endpoints
    }

    /// The issuer's answer for a code (RFC 6749 4.1.3, RFC 7636 4.5): its identity token.
    /// - Throws: `controller.access.provider`, `controller.access.signIn`.
    func identityToken(form: [(String, String)], client: OIDCClient, secret: String?) async throws -> String {
        let endpoints = try await knownEndpoints()
        guard let address = endpoints.token else {
            throw ControllerError.signIn("\(issuer.name) names no token_endpoint")
        }
        let exchange = TokenExchange(
            address, clientID: client.clientID,
            secret: secret.map { endpoints.takesSecretInForm ? .form($0) : .header($0) }, timeout: Self.timeout)
        do {
            return try await exchange.answer(to: form, http).identityToken
        } catch let error as TokenExchange.Refusal {
            throw ControllerError.signIn("\(issuer.name) \(error.words)")
        } catch let error as EffectsError {
            throw ControllerError.provider(issuer, Trouble(error.summary))
        }
    }

    // MARK: asking

    private func isWithin(_ span: TimeSpan) -> Bool { keysAt.map { time.monotonic() < $0 + span } ?? false }

    /// Once for all who wait, and not again within the pause.
    private func refresh() async {
        if let question { return await question.value }
        let now = time.monotonic()
        if let askedAt, now < askedAt + Self.pause { return }
        askedAt = now
        let task = Task { await ask() }
        question = task
        await task.value
        question = nil
    }

    private func ask() async {
        do {
            let document = try await get(
                ProviderEndpoints.address(of: issuer.url), ProviderEndpoints.documentMax)
            let found = try ProviderEndpoints(document, of: issuer.url)
            let keys = try await ProviderKeys(try await get(found.keys, Self.keysMax))
            (endpoints, self.keys, keysAt, trouble) = (found, keys, time.monotonic(), nil)
        } catch let error as Trouble {
            trouble = error
        } catch let error as ProviderEndpoints.Refusal {
            trouble = Trouble(error.words)
        } catch {
            trouble = Trouble(ReportedError(error).summary)
        }
    }

    private func get(_ url: String, _ sizeMax: ByteCount) async throws -> [UInt8] {
        let answer = try await http.send(
            HTTPRequest(
                "GET", url, headers: [HTTPField("Accept", "application/json")], responseSizeMax: sizeMax,
                timeout: Self.timeout))
        guard answer.status == 200 else { throw Trouble("\(url) answered \(answer.status)") }
        return answer.body
    }
}

extension ControllerError {
    static let providerCode = "controller.access.provider"

    static func provider(_ issuer: OIDCIssuer, _ trouble: OIDCProvider.Trouble) -> Self {
        ControllerError(
            .serviceUnavailable, code: "access.provider",
            summary:
                "The identity provider \(issuer.name) cannot be asked for its keys now: \(trouble.words.bounded(400)).",
            remedy: "Try again in a minute; a local token works meanwhile (slipway tokens create).")
    }

    static func identityKey(_ issuer: OIDCIssuer) -> Self {
        .unauthorized(
            "identityKey", "The identity token is not signed with a key that \(issuer.name) publishes.",
            remedy: "Sign in again: slipway login --oidc.")
    }

    static func signIn(_ why: String) -> Self {
        .unauthorized("signIn", "The sign-in was not finished: \(why).", remedy: "Begin the sign-in again.")
    }
}
