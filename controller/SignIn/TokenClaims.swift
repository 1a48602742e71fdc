import ReleaseDefinition

/// Whom a token was made for, as what we look at it.
struct TokenExpectation: Sendable {
    var audiences: Set<String>
    /// Of a sign-in that began here.
    var nonce: String?
}

/// What a token says that an issuer has signed, checked against what we are and when (OpenID Connect Core 3.1.3.7).
struct TokenClaims: Sendable, Equatable {
    /// For clocks that differ.
    static let leeway = TimeSpan.seconds(60)
    /// It cannot be taken back, so it may not last.
    static let lifetimeMax = TimeSpan.hours(24)
    static let subjectMax = 255

    let issuer: String
    let subject: String
    let expiresAt: UTCInstant
    /// All of them, for grants.
    let all: JSONValue

    /// - Throws: `controller.access.identityToken`, `.identityIssuer`, `.identityAudience`, `.identityTime`.
    init(_ claims: JSONValue, of issuer: OIDCIssuer, expecting: TokenExpectation, at now: UTCInstant) throws {
        guard claims["iss"]?.stringValue == issuer.url else {
            throw ControllerError.identityIssuer(claims["iss"]?.stringValue)
        }
        try Self.checkAudience(claims, expecting.audiences)
        expiresAt = try Self.checkTime(claims, at: now)
        guard let subject = claims["sub"]?.stringValue, !subject.isEmpty, subject.utf8.count <= Self.subjectMax,
            subject.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
        else {
            throw ControllerError.identityToken("its sub is not up to \(Self.subjectMax) characters of ASCII")
        }
        if let nonce = expecting.nonce, claims["nonce"]?.stringValue != nonce {
            throw ControllerError.identityToken("its nonce is not of the sign-in that began here")
        }
        self.issuer = issuer.url
        self.subject = subject
        all = claims
    }

    private static func checkAudience(_ claims: JSONValue, _ expected: Set<String>) throws {
        let audience: [String]
        switch claims["aud"] {
        case .string(let one): audience = [one]
        case .array(let several): audience = several.compactMap(\.stringValue)
        default: audience = []
        }
        // One that others are given as well is for us only where it was made by a client of ours.
        let party = claims["azp"]?.stringValue
        let isShared = audience.count > 1
        guard audience.contains(where: expected.contains), !isShared || party.map(expected.contains) == true else {
            let words = audience.isEmpty ? "nobody" : audience.prefix(8).map { $0.bounded(100) }.joined(separator: ", ")
            throw ControllerError.unauthorized(
                "identityAudience",
                "The identity token is for \(words), not for \(expected.sorted().joined(separator: " or ")).",
                remedy:
                    "Ask the provider for a token whose audience is this controller's; an administrator names it in "
                    + "\(OIDCSettings.fileName).")
        }
    }

    private static func checkTime(_ claims: JSONValue, at now: UTCInstant) throws -> UTCInstant {
        func instant(_ name: String) throws -> UTCInstant? {
            guard let value = claims[name] else { return nil }
            guard let seconds = value.integerValue, (0...253_402_300_799).contains(seconds) else {
                throw ControllerError.identityToken("its \(name) is no number of seconds")
            }
            return UTCInstant(secondsSince1970: seconds)
        }
        guard let expiresAt = try instant("exp"), let issuedAt = try instant("iat") else {
            throw ControllerError.identityToken("it says not when it was made and when it ends (iat, exp)")
        }
        func refuse(_ words: String) -> ControllerError {
            .unauthorized(
                "identityTime", "The identity token \(words); it is \(now) here.",
                remedy: "Sign in again: slipway login --oidc. If it is new, set the clocks of provider and controller.")
        }
        guard now < expiresAt + leeway else { throw refuse("ended at \(expiresAt)") }
        guard issuedAt <= now + leeway else { throw refuse("was made at \(issuedAt)") }
        if let begins = try instant("nbf"), begins > now + leeway { throw refuse("begins at \(begins)") }
        guard expiresAt <= issuedAt + lifetimeMax else {
            throw refuse("lasts from \(issuedAt) to \(expiresAt), longer than \(lifetimeMax)")
        }
        return expiresAt
    }
}

extension ControllerError {
    static func identityIssuer(_ found: String?) -> Self {
        .unauthorized(
            "identityIssuer",
            "The identity token is by \(found.map { $0.bounded(200).debugDescription } ?? "nobody"), whom this controller "
                + "does not believe.",
            remedy: "Use a token of an issuer in the controller's \(OIDCSettings.fileName).")
    }
}
