import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// What suites of attacks need.
protocol EnrolmentAttack {}

extension EnrolmentAttack {
    func attempt(
        _ test: TestController, _ running: TestController.Running, token: String, request: String? = nil
    ) async throws -> HTTPResponse {
        let text = try request ?? SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
        let client = try TestClient(test, running)
        let response = try await client.post(
            "/v1/agent/join", JoinRequest(token: token, certificateSigningRequest: text, machineID: "m"))
        await client.close()
        return response
    }

    /// The body, in which nothing may reach the log.
    func storesNothing<Value>(
        _ running: TestController.Running, location: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let before = await running.controller.store.sequence
        let value = try await body()
        let after = await running.controller.store.sequence
        #expect(before == after, "something was stored", sourceLocation: location)
        return value
    }

    func expect(
        _ response: HTTPResponse, _ status: Int, _ code: String, location: SourceLocation = #_sourceLocation
    ) {
        #expect(response.status == status, sourceLocation: location)
        #expect(response.problemCode == "controller." + code, sourceLocation: location)
    }
}
