import ControllerAPI
import Hummingbird
import ReleaseDefinition

/// The console's rows for signing in with an issuer. What a sign-in needs until the browser is back lies in a cookie of
/// that browser alone: nothing is kept here, and any controller of the fleet may hear the answer.
enum ConsoleSignIn {
    static let cookieName = "__Host-slipway-sign-in"
    private static let lifetime = TimeSpan.minutes(10)
    static let path = "/console/sign-in/"

    static func routes(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        @Sendable func refuse(_ error: any Error) async throws -> Response {
            guard let error = error as? ControllerError else { throw error }
            let page = await controller.signInPage(refusal: "\(error.summary) \(error.remedy)")
            var response = ConsoleResponses.html(page.render(templates), status: error.status)
            response.headers[.setCookie] = expiredCookie
            return response
        }
        return [
            Route(
                .get, path + "{issuer}", access: .anyone(because: "sends a browser to the identity provider"),
                bodySizeMax: ByteCount(1 << 10)
            ) { request in
                do { return try await begin(request, controller) } catch { return try await refuse(error) }
            },
            Route(
                .get, path + "{issuer}/callback",
                access: .anyone(because: "the provider's code and the browser's cookie are the credential"),
                bodySizeMax: ByteCount(1 << 10)
            ) { request in
                do {
                    let cookie = try await finish(request, controller)
                    var response = ConsoleResponses.html(Array(templates.render("signedin", [:]).utf8))
                    response.headers[values: .setCookie] = [cookie, expiredCookie]
                    return response
                } catch { return try await refuse(error) }
            },
        ]
    }

    private static func begin(_ request: RouteRequest, _ controller: Controller) async throws -> Response {
        let (provider, client) = try await console(request, controller)
        let endpoints = try await provider.knownEndpoints()
        guard let authorization = endpoints.authorization else {
            throw ControllerError.signIn("\(provider.issuer.name) names no authorization_endpoint")
        }
        let secret = Hexadecimal.encode(controller.random.bytes(32))
        let attempt = SignInAttempt(secret: secret, issuer: provider.issuer.url)
        let address = attempt.address(
            authorization, clientID: client.clientID, scopes: client.scopes ?? ["openid"],
            redirect: redirect(provider.issuer, controller))
        // Lax: the browser comes back from another site, and this cookie does nothing but end what it began.
        return ConsoleResponses.elsewhere(
            address,
            setting:
                "\(cookieName)=\(secret); Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=\(lifetime.milliseconds / 1000)"
        )
    }

    /// - Returns: the cookie of the new session.
    private static func finish(_ request: RouteRequest, _ controller: Controller) async throws -> String {
        let (provider, client) = try await console(request, controller)
        guard let secret = request.header("Cookie").flatMap({ PersonSessions.value(of: cookieName, in: $0) }) else {
            throw ControllerError.signIn(
                "it did not begin in this browser in the last \(lifetime); begin at \(controller.configuration.url)")
        }
        let attempt = SignInAttempt(secret: secret, issuer: provider.issuer.url)
        guard request.query("state") == attempt.state else {
            throw ControllerError.signIn("it is not the one that began in this browser")
        }
        if let issuer = request.query("iss"), issuer != provider.issuer.url {
            throw ControllerError.signIn("another issuer answered")
        }
        guard let code = request.query("code"), !code.isEmpty, code.utf8.count <= 4096 else {
            let error = request.query("error").map { $0.bounded(100) } ?? "no code"
            throw ControllerError.signIn("\(provider.issuer.name) answered \(error.debugDescription)")
        }
        let form = attempt.form(code: code, redirect: redirect(provider.issuer, controller))
        let text = try await provider.identityToken(
            form: form, client: client, secret: try controller.issuers.secret(of: client))
        let expected = TokenExpectation(audiences: [client.clientID], nonce: attempt.nonce)
        let identity = try await controller.issuers.verified(
            try UnverifiedIdentityToken(text), by: provider, expecting: expected)
        let person = try await controller.person(identity)
        guard person.may(.view) else {
            throw ControllerError.forbidden(
                "permission", "\(person.name) may look at nothing here: the permission view is missing.",
                remedy: "Ask an administrator for a permission set that holds it: slipway grants add.")
        }
        return controller.sessions.open(.identity(identity.claims))
    }

    private static func console(
        _ request: RouteRequest, _ controller: Controller
    ) async throws -> (OIDCProvider, OIDCClient) {
        let name = request.parameters["issuer"] ?? ""
        guard let provider = try await controller.issuers.provider(named: name), let client = provider.issuer.console
        else {
            throw ControllerError.notFound("identity provider \(name.bounded(100).debugDescription) of the console")
        }
        return (provider, client)
    }

    /// As it is registered with the issuer; one for each, so that none can answer for another.
    private static func redirect(_ issuer: OIDCIssuer, _ controller: Controller) -> String {
        controller.configuration.url + path + issuer.name + "/callback"
    }

    private static let expiredCookie = "\(cookieName)=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
}

extension Controller {
    nonisolated func signInPage(refusal: String? = nil) async -> SignInPage {
        let providers = (try? await issuers.providers()) ?? []
        return SignInPage(
            refusal: refusal, issuers: providers.map(\.issuer).filter { $0.console != nil }.map(\.name))
    }

    /// What a command asks before it has a token.
    nonisolated func signInView() async throws -> SignInView {
        SignInView(
            issuers: try await issuers.providers().compactMap { provider in
                provider.issuer.command.map {
                    SignInIssuer(
                        name: provider.issuer.name, url: provider.issuer.url, clientID: $0.clientID,
                        scopes: $0.scopes ?? ["openid"])
                }
            })
    }
}
