import ControllerAPI
import Effects
import FoundationEssentials
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

/// A controller of the profile team or regulated, and the people who hold its keys.
struct TestPeople: Sendable {
    let offline: TemporaryFolder
    let test: TestController

    init(
        _ profile: TrustProfile = .team, products: [String] = ["web"], time: any TimeDoor = SystemTime(),
        edit: (inout KeyPlan) throws -> Void = { _ in }
    ) throws {
        offline = try TemporaryFolder()
        var plan = KeyPlan(profile: profile, offlineFolder: offline.path)
        plan.products = try products.map { try ProductName($0) }
        try edit(&plan)
        test = try TestController(time: time, keyPlan: plan)
    }

    func key(_ name: String) throws -> SigningKey {
        let bytes = try Directory.open(offline.path).read("\(name).pem", sizeMax: ByteCount(10_000))
        return try SigningKey(pem: String(decoding: bytes, as: UTF8.self))
    }

    func run<Value>(_ body: (TestController.Running, TestClient) async throws -> Value) async throws -> Value {
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let value = try await body(running, client)
            await client.close()
            return value
        }
    }

    /// Signs whatever these people's keys may sign of the change, as the command does.
    func sign(_ change: MetadataChangeView, by names: String..., client: TestClient) async throws -> HTTPResponse {
        try await Self.sign(change, with: names.map(key), client: client)
    }

    static func sign(
        _ change: MetadataChangeView, with keys: [SigningKey], client: TestClient
    ) async throws -> HTTPResponse {
        var signatures: [RoleSignatureView] = []
        for key in keys {
            let id = key.publicKey.keyID
            for candidate in change.candidates
            where change.standings.contains(where: { $0.role == candidate.role && $0.signers.map(\.keyID).contains(id) }
            ) {
                let signature = try MetadataCandidate(role: candidate.role, signed: candidate.signed).signature(by: key)
                signatures.append(
                    RoleSignatureView(role: signature.role, keyID: signature.keyID, signature: signature.signature))
            }
        }
        let digest = try #require(change.digest)
        return try await client.post(
            "/v1/keys/changes/\(change.id)/signatures", SignatureUpload(digest: digest, signatures: signatures))
    }

    /// A fixed key of somebody who made it alone.
    static func ownKey(_ name: String) throws -> SigningKey {
        let seed = SHA256Digest(of: Array("insecure-test-\(name)".utf8)).bytes
        let prefix: [UInt8] = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        let text = Data(prefix + seed).base64EncodedString()
        return try SigningKey(pem: "-----BEGIN PRIVATE KEY-----\n\(text)\n-----END PRIVATE KEY-----\n")
    }

    static func candidate(
        _ release: String, _ environment: String = "staging", client: TestClient
    ) async throws -> MetadataChangeView {
        let path = release.split(separator: "@").joined(separator: "/")
        return try await client.send("GET", "/v1/releases/\(path)/approvals?environment=\(environment)")
            .json(MetadataChangeView.self)
    }

    /// Submits, and two approvers sign.
    func approve(_ version: String, client: TestClient) async throws {
        #expect(try await TestFleet.submit(version, by: client).status == 201)
        for name in ["approver-1", "approver-2"] {
            let change = try await Self.candidate("web@\(version)", client: client)
            let answer = try await sign(change, by: name, client: client)
            #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
        }
    }
}
