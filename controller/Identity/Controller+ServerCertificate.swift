import AgentProtocol
import ReleaseDefinition

/// The server's own certificate, and whom the server believes.
extension Controller {
    func tlsMaterial() throws -> ServerTLSMaterial {
        ServerTLSMaterial(
            certificate: try folder.text(ControllerDirectory.serverCertificateName),
            key: try folder.text(ControllerDirectory.serverKeyName), authority: try authorities.serving.pem,
            clientAuthorities: try authorities.bundle)
    }

    func watchCertificates(_ changed: @escaping @Sendable (ServerTLSMaterial) throws -> Void) {
        certificatesChanged = changed
    }

    /// Renews it ahead of its end, for as long as the controller runs: connections that stand are not touched.
    nonisolated func keepServerCertificate() async throws {
        while true {
            try await time.sleep(for: .hours(12))
            await renewServerCertificateWhereDue()
        }
    }

    func renewServerCertificateWhereDue() {
        do {
            let isNew = try ServerCertificate.renewWhereDue(
                folder, authority: authorities.serving, names: configuration.names, random: random, at: time.now())
            if isNew { try reloadTLS() }
        } catch {
            logger.error("the server's certificate was not renewed", metadata: ["error": "\(error)"])
        }
    }

    func reloadTLS() throws { try certificatesChanged?(tlsMaterial()) }
}
