import ControllerAPI
import Effects
import ReleaseDefinition

/// `sign-in.json` beside a kept login: the token came from an identity provider, and is renewed there.
struct KeptSignIn: Codable, Equatable {
    static let fileName = "sign-in.json"
    /// Whom its server is believed by.
    static let authorityName = "issuer.pem"
    /// A token that ends while a command runs is no use.
    private static let margin = TimeSpan.seconds(30)

    var issuer: String
    var clientID: String
    var endpoint: String
    var refreshToken: String?
    var expiresAt: UTCInstant

    init(_ tokens: IssuedTokens, of issuer: SignInIssuer) {
        self.issuer = issuer.name
        clientID = issuer.clientID
        endpoint = tokens.endpoint
        refreshToken = tokens.refreshToken
        expiresAt = tokens.expiresAt
    }

    static func read(_ folder: Directory) throws -> KeptSignIn? {
        guard let bytes = try folder.readIfPresent(fileName, sizeMax: ByteCount(64 << 10)) else { return nil }
        return try JSONCoding.decode(KeptSignIn.self, from: bytes)
    }

    func isGood(at now: UTCInstant) -> Bool { now + Self.margin < expiresAt }

    /// The kept token, a new one where it is about to end; the file's own is left where no provider gave it.
    /// - Throws: `command.login.expired`.
    static func freshToken(
        in path: String, kept token: String, time: any TimeDoor = SystemTime(),
        http: (String) throws -> any HTTPDoor = Self.door
    ) async throws -> String {
        guard let folder = try? Directory.open(path), let kept = try read(folder), !kept.isGood(at: time.now()) else {
            return token
        }
        guard let refreshToken = kept.refreshToken else { throw kept.expired(nil) }
        var trouble: String?
        do {
            let authority = String(
                decoding: try folder.read(authorityName, sizeMax: ByteCount(4 << 20)), as: UTF8.self)
            let tokens = try await IssuedTokens.exchanged(
                for: [("grant_type", "refresh_token"), ("refresh_token", refreshToken)],
                by: TokenExchange(kept.endpoint, clientID: kept.clientID), try http(authority))
            var next = kept
            next.expiresAt = tokens.expiresAt
            next.refreshToken = tokens.refreshToken ?? refreshToken
            try next.write(tokens.idToken, in: folder)
            return tokens.idToken
        } catch let error as TokenExchange.Refusal {
            trouble = "\(kept.issuer) \(error.words)"
        } catch let error as EffectsError {
            trouble = "\(error.code): \(error.summary)"
        }
        // Another command of the same person may have been first: a refresh token counts once.
        if let now = try read(folder), now.isGood(at: time.now()) {
            return try InputFile.readText("\(path)/\(LoginFolder.tokenName)")
        }
        throw kept.expired(trouble)
    }

    /// What renews before what is used: whatever happens between, the next command can renew.
    func write(_ token: String, in folder: Directory) throws {
        var early = self
        early.expiresAt = UTCInstant(secondsSince1970: 0)
        try early.write(in: folder)
        try folder.writeDurably(LoginFolder.tokenName, Array((token + "\n").utf8), mode: 0o600)
        try write(in: folder)
    }

    private func write(in folder: Directory) throws {
        try folder.writeDurably(Self.fileName, JSONCoding.value(of: self).prettyBytes, mode: 0o600)
    }

    private static func door(_ authority: String) throws -> any HTTPDoor {
        try LiveHTTP(identity: TLSIdentity(trustRoots: authority), userAgent: "slipway/\(SlipwayVersion.text)")
    }

    private func expired(_ cause: String?) -> CommandError {
        CommandError(
            code: "login.expired", summary: "The sign-in with \(issuer) ended at \(expiresAt).",
            remedy: "Sign in again: slipway login --oidc", cause: cause)
    }
}
