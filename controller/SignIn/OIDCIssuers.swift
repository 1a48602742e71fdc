import Effects
import Logging
import ReleaseDefinition

/// Whom `oidc.json` names, as the file is now: a grant that is taken out of it counts for nobody any more.
actor OIDCIssuers {
    /// A change that cannot be read lets nobody in, rather than going by what was said before.
    private struct Reading: Sendable {
        var bytes: [UInt8]?
        var outcome: Result<[OIDCProvider], ControllerError>
    }

    private let folder: ControllerDirectory
    private let time: any TimeDoor
    private let logger: Logger
    private var reading: Reading?
    /// What a provider's authority was when it was made.
    private var authorities: [String: String] = [:]

    init(_ folder: ControllerDirectory, time: any TimeDoor, logger: Logger) {
        self.folder = folder
        self.time = time
        self.logger = logger
    }

    /// - Throws: `controller.setup.oidc`.
    func providers() throws -> [OIDCProvider] {
        let bytes = try readFile()
        if let reading, reading.bytes == bytes { return try reading.outcome.get() }
        let known = (try? reading?.outcome.get()) ?? []
        let outcome: Result<[OIDCProvider], ControllerError>
        do {
            outcome = .success(try make(try bytes.map { try OIDCSettings(file: $0) } ?? .none, known))
        } catch let error as ControllerError {
            logger.error("\(error)")
            outcome = .failure(error)
        }
        reading = Reading(bytes: bytes, outcome: outcome)
        return try outcome.get()
    }

    /// - Throws: `controller.setup.oidc`.
    func provider(named name: String) throws -> OIDCProvider? { try providers().first { $0.issuer.name == name } }

    /// - Throws: `controller.access.…`, `controller.setup.oidc`.
    nonisolated func verified(bearer text: String) async throws -> VerifiedIdentity {
        let token = try UnverifiedIdentityToken(text)
        let name = token.claims["iss"]?.stringValue
        guard let provider = try await providers().first(where: { $0.issuer.url == name }) else {
            throw ControllerError.identityIssuer(name)
        }
        return try await verified(
            token, by: provider, expecting: TokenExpectation(audiences: provider.issuer.bearerAudiences))
    }

    /// The signature first: whoever cannot make one learns nothing of what is expected.
    nonisolated func verified(
        _ token: UnverifiedIdentityToken, by provider: OIDCProvider, expecting: TokenExpectation
    ) async throws -> VerifiedIdentity {
        let key = try await provider.key(for: token)
        guard await key.hasSigned(token) else { throw ControllerError.identityKey(provider.issuer) }
        let claims = try TokenClaims(token.claims, of: provider.issuer, expecting: expecting, at: time.now())
        return VerifiedIdentity(issuer: provider.issuer, claims: claims)
    }

    /// A secret of a client, as its file is now.
    /// - Throws: `controller.setup.oidc`.
    nonisolated func secret(of client: OIDCClient) throws -> String? {
        guard let name = client.secretFile else { return nil }
        return String(try text(name).split(whereSeparator: \.isWhitespace).joined())
    }

    private func make(_ settings: OIDCSettings, _ known: [OIDCProvider]) throws -> [OIDCProvider] {
        var made: [OIDCProvider] = []
        for issuer in settings.issuers {
            let authority = try text(issuer.authority)
            let kept = known.first { $0.issuer == issuer && authorities[issuer.url] == authority }
            if let kept {
                made.append(kept)
                continue
            }
            let http: LiveHTTP
            do {
                http = try LiveHTTP(
                    identity: TLSIdentity(trustRoots: authority), userAgent: "slipway-controller/\(SlipwayVersion.text)"
                )
            } catch let error as EffectsError {
                throw OIDCSettings.damaged("\(issuer.authority): \(error.summary)")
            }
            authorities[issuer.url] = authority
            made.append(OIDCProvider(issuer, http: http, time: time))
        }
        return made
    }

    private func readFile() throws -> [UInt8]? {
        do {
            guard try folder.directory.status(OIDCSettings.fileName) != nil else { return nil }
            return try folder.directory.read(OIDCSettings.fileName, sizeMax: ByteCount(1 << 20))
        } catch {
            throw OIDCSettings.damaged(ReportedError(error).summary)
        }
    }

    /// Of a file in the controller's folder, or of one with a whole path.
    private nonisolated func text(_ name: String) throws -> String {
        do {
            guard name.hasPrefix("/") else { return try folder.text(name) }
            let bytes = try ControllerDirectory.readFile(at: name, sizeMax: ByteCount(4 << 20))
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw OIDCSettings.damaged("\(name): \(ReportedError(error).summary)")
        }
    }
}
