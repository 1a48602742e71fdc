import AgentProtocol
import ReleaseDefinition

/// Who speaks as a host, asked anew at every request.
extension Controller {
    /// - Parameter session: what the request says of the agent; nil where it says nothing.
    /// - Throws: `controller.access.…`: unknownCertificate, certificateSuperseded, certificateExpired, hostRevoked,
    ///   hostRetired, hostQuarantined.
    func admit(certificate fingerprint: SHA256Digest, session: AgentSession?) throws -> HostID {
        LoopExecutor.expectElsewhere()
        guard let host = state.host(certificate: fingerprint) else {
            throw ControllerError.unauthorized(
                "unknownCertificate",
                "The certificate \(fingerprint.short)… belongs to no host of this controller.",
                remedy: "Join the host again with a new invitation.")
        }
        if let refusal = ControllerError.refusal(of: host.id, host.identity.standing) { throw refusal }
        guard let certificate = host.identity.certificate(fingerprint) else {
            throw ControllerError.unauthorized(
                "certificateSuperseded",
                "The certificate \(fingerprint.short)… of \(host.id) was replaced, and its successor is in use.",
                remedy: "If this machine was restored from a backup or copied, retire \(host.id) and join it anew: "
                    + "slipway hosts retire \(host.id) --reason …")
        }
        let now = time.now()
        guard certificate.notAfter > now else {
            throw ControllerError.unauthorized(
                "certificateExpired", "The certificate of \(host.id) expired at \(certificate.notAfter).",
                remedy: "Leave the agent running: it renews by a proof of its key.")
        }
        if host.identity.offered?.fingerprint == fingerprint {
            try commit(
                .certificateTaken(CertificateTaken(host: host.id, fingerprint: fingerprint)), by: "host:\(host.id)",
                at: now)
        }
        if let session { try watchForDuplicates(session, of: host.id, at: now) }
        gate.keep(host.id, fingerprint, session, until: certificate.notAfter)
        return host.id
    }

    private func watchForDuplicates(_ session: AgentSession, of host: HostID, at now: UTCInstant) throws {
        guard let sessions = duplicates.heard(session, of: host) else { return }
        try commit(
            .hostQuarantined(HostQuarantined(host: host, sessions: sessions)), by: Self.engineActor, at: now)
        logger.error("two agents use one identity", metadata: ["host": "\(host)", "sessions": "\(sessions.words)"])
        drive()
        try refuseFromNowOn(host)
    }

    /// Tells the host why, ends its stream, and throws what its next request would be told.
    func refuseFromNowOn(_ host: HostID) throws {
        guard let standing = state.hosts[host]?.identity.standing,
            let refusal = ControllerError.refusal(of: host, standing)
        else { return }
        endStream(of: host, saying: refusal)
        throw refusal
    }

    func endStream(of host: HostID, saying refusal: ControllerError) {
        hub.end(host, saying: .identity(IdentityNotice(refusal)), sequence: store.sequence)
    }
}
