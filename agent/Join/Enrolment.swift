import AgentProtocol
import Effects
import FoundationEssentials
import ReleaseDefinition
import ReleaseDistribution

/// Makes a host out of a machine: key, certificate, pinned authority and pinned first root, from one join string.
struct Enrolment: Sendable {
    var join: JoinString
    var machineID: String

    private static let authoritySizeMax = ByteCount(1 << 18)

    /// What was written down; the host can run from now on.
    /// - Parameter trusting: a door that believes what `authority(over:)` returned, and nothing else.
    /// - Throws: `agent.join.…`, `effects.…`. Nothing is kept of an enrolment that failed.
    func run(over trusting: any HTTPDoor, into folder: Directory, settings: Settings) async throws -> AgentConfiguration
    {
        let before = try former(folder, settings)
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let response = try await request(certificate: key, over: trusting)
        guard SHA256Digest(of: Array(response.root.utf8)) == join.root else {
            throw AgentError(
                code: "join.root", summary: "The controller's first root is not the one that the join string names.",
                remedy: "Somebody is between this host and its controller, or the string is of another controller.")
        }
        let configuration = try configuration(response, settings, before: before)
        try configuration.check()
        let tls = try folder.createDirectory("tls", mode: 0o700)
        try StoredIdentity(keyPEM: key, chain: response.certificate, authorities: response.authorities).write(in: tls)
        if before == nil {
            try MetadataClient.pin(
                root: Array(response.root.utf8), in: try folder.createDirectory("trust", mode: 0o700))
        }
        // Last: it makes the folder a host's.
        try configuration.write(in: folder)
        return configuration
    }

    /// The host that this folder was, where it may become another: what is installed and trusted stays, so only within
    /// the trust of the same first root.
    private func former(_ folder: Directory, _ settings: Settings) throws -> AgentConfiguration? {
        guard try folder.status(AgentConfiguration.fileName) != nil else { return nil }
        guard settings.again else {
            throw AgentError(
                code: "joined", summary: "\(folder.path) belongs to a host already.",
                remedy:
                    "If that host was retired or revoked, or its certificate is too old to be renewed, stop the agent "
                    + "and add --again; else use another folder.")
        }
        let pinned = try folder.directory("trust").readIfPresent("pinned-root", sizeMax: ByteCount(1 << 20))
        guard let pinned, SHA256Digest(of: pinned) == join.root else {
            throw AgentError(
                code: "join.root", summary: "\(folder.path) trusts another first root than the join string names.",
                remedy: "The string is of another controller: use another folder for it.")
        }
        return try AgentConfiguration.read(in: folder)
    }

    private func configuration(
        _ response: JoinResponse, _ settings: Settings, before: AgentConfiguration?
    ) throws -> AgentConfiguration {
        guard var again = before else {
            return AgentConfiguration(
                controller: join.controller, host: response.host, environment: response.environment,
                delivery: settings.pull == nil ? .push : .pull,
                repository: settings.pull ?? join.controller + "/repository",
                channels: settings.channels, checkInterval: settings.checkInterval, root: settings.root,
                variables: settings.variables, labels: response.labels, proxy: settings.proxy)
        }
        guard again.environment == response.environment else {
            throw AgentError(
                code: "join.environment",
                summary:
                    "The invitation is for \(response.environment), this host is of \(again.environment) for ever.",
                remedy: "Invite it into \(again.environment), or use another folder.")
        }
        again.host = response.host
        again.labels = response.labels
        if let proxy = settings.proxy { again.proxy = proxy }
        return again
    }

    struct Settings: Sendable {
        /// Become another host in a folder that belongs to one; everything else of the settings stays as it was.
        var again = false
        var root = "/"
        var variables: [String: String] = [:]
        /// The base URL of a repository to follow; nil: pushed by the controller.
        var pull: String?
        var channels: [ChannelName] = []
        var checkInterval = TimeSpan.minutes(5)
        var proxy: ProxySettings?
    }

    /// The authority's certificate (PEM), believed because its digest is in the join string.
    /// - Parameter unverified: a door that believes anybody: nothing is sent that is secret.
    func authority(over unverified: any HTTPDoor) async throws -> String {
        let url = join.controller + "/v1/authority"
        let response = try await unverified.send(HTTPRequest("GET", url, responseSizeMax: Self.authoritySizeMax))
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.status == 200, let certificate = PEM.first(of: "CERTIFICATE", in: text) else {
            throw AgentError(
                code: "join.authority", summary: "\(url) answered \(response.status) and no certificate.",
                remedy: "Check that the join string is of this controller.")
        }
        guard SHA256Digest(of: certificate) == join.authority else {
            throw AgentError(
                code: "join.authority",
                summary: "The authority at \(join.controller) has the digest \(SHA256Digest(of: certificate).short)…, "
                    + "the join string names \(join.authority.short)….",
                remedy: "Somebody is between this host and its controller, or the string is of another controller.")
        }
        // Only the one certificate whose digest was compared, whatever else the answer holds.
        return PEM.text(of: "CERTIFICATE", certificate)
    }

    private func request(certificate key: String, over trusting: any HTTPDoor) async throws -> JoinResponse {
        let signingRequest = try SigningRequest.pem(key)
        let body = JoinRequest(token: join.token, certificateSigningRequest: signingRequest, machineID: machineID)
        let response = try await trusting.send(
            HTTPRequest(
                "POST", join.controller + "/v1/agent/join", headers: [HTTPField("Content-Type", "application/json")],
                body: try JSONCoding.value(of: body).wireBytes, responseSizeMax: ByteCount(2 << 20)))
        guard response.status == 200 || response.status == 201 else {
            let problem = try? JSONValue(parsing: response.body)
            throw AgentError(
                code: "join.refused",
                summary: "The controller refused: \(problem?["detail"]?.stringValue ?? "status \(response.status)")",
                remedy: problem?["remedy"]?.stringValue ?? "Ask for a new join string: `slipway hosts invite`.",
                cause: problem?["code"]?.stringValue)
        }
        return try JSONCoding.decode(JoinResponse.self, from: response.body)
    }
}

/// RFC 7468, as much as is needed.
enum PEM {
    static func first(of label: String, in text: String) -> [UInt8]? {
        guard let start = text.firstRange(of: "-----BEGIN \(label)-----"),
            let end = text[start.upperBound...].firstRange(of: "-----END \(label)-----")
        else { return nil }
        let base64 = text[start.upperBound..<end.lowerBound].utf8.filter { !(0x09...0x20).contains($0) }
        return Data(base64Encoded: String(decoding: base64, as: UTF8.self)).map(Array.init)
    }

    static func text(of label: String, _ bytes: [UInt8]) -> String {
        let base64 = Array(Data(bytes).base64EncodedString().utf8)
        let lines = stride(from: 0, to: base64.count, by: 64).map { start in
            String(decoding: base64[start..<min(start + 64, base64.count)], as: UTF8.self)
        }
        return "-----BEGIN \(label)-----\n" + lines.joined(separator: "\n") + "\n-----END \(label)-----\n"
    }
}
