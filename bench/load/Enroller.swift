import AgentProtocol
import Effects
import FoundationEssentials
import NIOCore
import NIOPosix
import ReleaseDefinition

/// Makes hosts through the join endpoint, as `slipway-agent join` does.
struct Enroller: Sendable {
    private static let connections = 32

    let join: JoinString
    let authority: String
    let group: MultiThreadedEventLoopGroup

    struct Refused: Error { var status: Int }

    init(join: String, authority: String, group: MultiThreadedEventLoopGroup) throws {
        self.join = try JoinString(join)
        self.authority = try String(contentsOf: URL(filePath: authority), encoding: .utf8)
        self.group = group
    }

    func run(count: Int, into file: String) async throws {
        let port = Int(join.controller.split(separator: ":").last ?? "") ?? 0
        let lines = try await withThrowingTaskGroup(of: [String].self) { tasks in
            for number in 0..<Self.connections {
                let share = count / Self.connections + (number < count % Self.connections ? 1 : 0)
                tasks.addTask { try await several(share, over: number, port: port) }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
        try (lines.joined(separator: "\n") + "\n").write(
            to: URL(filePath: file), atomically: false, encoding: .utf8)
    }

    private func several(_ count: Int, over number: Int, port: Int) async throws -> [String] {
        let trust = LoadIdentity(host: "", key: "", chain: "", authorities: authority)
        let exchange = LoadExchange(try trust.context(), port: port, number: number, on: group.next())
        defer { exchange.close() }
        var lines: [String] = []
        for _ in 0..<count { lines.append(try await one(exchange)) }
        return lines
    }

    private func one(_ exchange: LoadExchange) async throws -> String {
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let request = Data(try EllipticKey(pem: key).signingRequest(commonName: "slipway host"))
        let pem =
            "-----BEGIN CERTIFICATE REQUEST-----\n"
            + request.base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
            + "\n-----END CERTIFICATE REQUEST-----\n"
        let body = try JSONCoding.value(
            of: JoinRequest(token: join.token, certificateSigningRequest: pem, machineID: "")
        ).wireBytes
        let answer = try await exchange.send(
            LoadExchange.request("POST", "/v1/agent/join", body: String(decoding: body, as: UTF8.self))
        ).get()
        guard answer.status == 200 else { throw Refused(status: answer.status) }
        let joined = try JSONCoding.decode(JoinResponse.self, from: answer.body)
        let identity = LoadIdentity(
            host: joined.host.text, key: key, chain: joined.certificate, authorities: joined.authorities)
        return String(decoding: try JSONCoding.value(of: identity).wireBytes, as: UTF8.self)
    }
}
