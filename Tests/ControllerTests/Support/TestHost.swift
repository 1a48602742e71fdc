import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing
import X509

@testable import ControllerLibrary

/// A certificate signing request as an agent makes it, or as an attacker would.
enum SigningRequest {
    static func pem(
        keyPEM: String, commonName: String = "agent", alternatives: [GeneralName] = []
    ) throws -> String {
        let key = try Certificate.PrivateKey(pemEncoded: keyPEM)
        var attributes = CertificateSigningRequest.Attributes()
        if !alternatives.isEmpty {
            let request = ExtensionRequest(
                extensions: try Certificate.Extensions { SubjectAlternativeNames(alternatives) })
            attributes = try CertificateSigningRequest.Attributes([.init(request)])
        }
        let request = try CertificateSigningRequest(
            version: .v1, subject: try DistinguishedName { CommonName(commonName) }, privateKey: key,
            attributes: attributes, signatureAlgorithm: .ecdsaWithSHA256)
        return try request.serializeAsPEM().pemString
    }
}

/// A host that joined: its key and certificate, and what it may do with them.
struct TestHost: Sendable {
    let response: JoinResponse
    let keyPEM: String
    var id: HostID { response.host }

    /// Invites as the admin and joins.
    static func join(
        _ test: TestController, _ running: TestController.Running, environment: String = "staging",
        labels: [String: String] = [:], authority: String? = nil
    ) async throws -> TestHost {
        let token = try await invite(test, running, environment: environment, labels: labels, authority: authority)
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let client = try TestClient(test, running, authority: authority)
        let response = try await client.post(
            "/v1/agent/join",
            JoinRequest(token: token, certificateSigningRequest: SigningRequest.pem(keyPEM: key), machineID: "m"))
        await client.close()
        try #require(response.status == 200)
        return TestHost(response: try response.json(JoinResponse.self), keyPEM: key)
    }

    /// The token inside the join string.
    static func invite(
        _ test: TestController, _ running: TestController.Running, environment: String = "staging",
        labels: [String: String] = [:], uses: Int = 1, lifetime: TimeSpan = .minutes(10), authority: String? = nil
    ) async throws -> String {
        let admin = try TestClient(test, running, authority: authority, token: test.adminToken)
        let response = try await admin.post(
            "/v1/hosts/invitations",
            InvitationRequest(
                environment: EnvironmentName(environment), labels: labels, uses: uses, lifetime: lifetime))
        await admin.close()
        try #require(response.status == 201)
        return try JoinString(response.json(InvitationView.self).join).token
    }

    func client(_ test: TestController, _ running: TestController.Running) throws -> TestClient {
        try TestClient(test, running, certificate: response.certificate, key: keyPEM)
    }
}
