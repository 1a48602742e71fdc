import Effects
import ReleaseDefinition

/// `/v1` as typed calls for people and CI: one bearer token, one controller. Every method throws `ControllerAPIError`.
public struct ControllerClient: Sendable {
    let http: any HTTPDoor
    public let baseURL: String
    private let token: String

    /// - Parameter baseURL: `https://host:port`, without a slash at the end.
    public init(http: any HTTPDoor, baseURL: String, token: String) {
        self.http = http
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.token = token
    }

    // MARK: hosts

    public func invite(_ request: InvitationRequest) async throws -> InvitationView {
        try await post(["hosts", "invitations"], request)
    }

    public func hosts() async throws -> [HostView] {
        try await all(["hosts"])
    }

    public func host(_ id: HostID) async throws -> HostView { try await get(["hosts", id.text]) }

    public func change(_ host: HostID, _ verb: HostStandingVerb, _ request: HostReasonRequest) async throws -> HostView
    {
        try await post(["hosts", host.text, verb.rawValue], request)
    }

    public func mark(_ host: HostID, _ request: HostMarkRequest) async throws -> HostMarkedView {
        try await post(["hosts", host.text, "mark"], request)
    }

    public func unmark(_ host: HostID, _ request: HostMarkRequest) async throws -> HostMarkedView {
        try await post(["hosts", host.text, "unmark"], request)
    }

    public func label(_ request: HostLabelsRequest) async throws -> HostLabelsView {
        try await post(["hosts", "labels"], request)
    }

    public func invitations() async throws -> [InvitationRecordView] {
        try await all(["hosts", "invitations"])
    }

    /// - Parameter name: its id, or the name of a join policy; of the form of a host's id.
    public func revokeInvitation(_ name: HostID, _ request: HostReasonRequest) async throws -> InvitationRecordView {
        try await post(["hosts", "invitations", name.text, "revoke"], request)
    }

    public func authority() async throws -> AuthorityView { try await get(["hosts", "authority"]) }

    public func rotateAuthority() async throws -> AuthorityView {
        try await post(["hosts", "authority", "rotate"], [String: String]())
    }

    public func finishAuthority(_ request: AuthorityFinishRequest) async throws -> AuthorityView {
        try await post(["hosts", "authority", "finish"], request)
    }

    // MARK: releases

    /// - Parameters:
    ///   - file: sent as it is read.
    ///   - environment: the first environment it is approved for.
    /// - Returns: `isNew` is false where the same bytes were submitted before.
    public func submit(
        _ file: OpenFile, type: ReleaseSubmissionType, environment: EnvironmentName,
        sent: (@Sendable (Int64) -> Void)? = nil
    ) async throws -> (view: ReleaseView, isNew: Bool) {
        // A build of a large tree takes its time; the controller answers when the release is published.
        var request = HTTPRequest(
            "POST", url(["releases"], query: "environment=\(environment)"),
            headers: fields + [HTTPField("Content-Type", type.rawValue)], bodyFile: file, timeout: .minutes(30))
        request.bodySent = sent
        let (view, status): (ReleaseView, Int) = try await exchangeWithStatus(request)
        return (view, status == 201)
    }

    public func releases() async throws -> [ReleaseView] {
        try await all(["releases"])
    }

    public func release(_ name: ReleaseName) async throws -> ReleaseView { try await get(path(of: name)) }

    public func promote(_ name: ReleaseName, _ request: PromotionRequest) async throws -> ReleaseView {
        try await post(path(of: name) + ["promote"], request)
    }

    public func revoke(_ name: ReleaseName, _ request: RevocationRequest) async throws -> ReleaseView {
        try await post(path(of: name) + ["revoke"], request)
    }

    // MARK: rollouts

    /// - Parameter plan: the digest of what a person looked at.
    public func start(
        _ definition: RolloutDefinition, plan: SHA256Digest, acceptHostChanges: Int = 0
    ) async throws -> RolloutView {
        try await post(
            ["rollouts"], query: "plan=\(plan.hex)&acceptHostChanges=\(acceptHostChanges)", definition)
    }

    public func why(_ id: RolloutID, host: HostID?) async throws -> RolloutWhyView {
        try await get(["rollouts", id.text, "why"], query: host.map { "host=\($0)" })
    }

    public func why(_ host: HostID, release: ReleaseName) async throws -> RolloutWhyView {
        try await get(["hosts", host.text, "why"], query: "release=\(release.product)@\(release.version)")
    }

    public func push(_ request: PushRequest) async throws -> RolloutView { try await post(["pushes"], request) }

    public func emergencyPush(_ request: EmergencyPushRequest) async throws -> RolloutView {
        try await post(["emergency-pushes"], request)
    }

    public func rollouts() async throws -> [RolloutView] {
        try await all(["rollouts"])
    }

    public func rollout(_ id: RolloutID) async throws -> RolloutView { try await get(["rollouts", id.text]) }

    public func act(_ verb: RolloutVerb, on id: RolloutID, _ request: RolloutVerbRequest) async throws -> RolloutView {
        try await post(["rollouts", id.text, verb.rawValue], request)
    }
}

extension ControllerClient {
    var fields: [HTTPField] {
        [
            HTTPField("Authorization", "Bearer \(token)"),
            HTTPField("Accept", "application/json, \(Problem.mediaType)"),
        ]
    }

    /// Names are checked when they are parsed and a version may hold `+`, which is literal in a path.
    func url(_ path: [String], query: String? = nil) -> String {
        let joined = ([baseURL, "v1"] + path).joined(separator: "/")
        return query.map { "\(joined)?\($0)" } ?? joined
    }

    func path(of name: ReleaseName) -> [String] { ["releases", name.product.text, name.version.text] }

    func get<Answer: Decodable>(_ path: [String], query: String? = nil) async throws -> Answer {
        try await exchange(HTTPRequest("GET", url(path, query: query), headers: fields))
    }

    /// More pages than any list has.
    private static let pagesMax = 10_000

    /// The whole list, in however many pages the controller gives it.
    /// - Throws: `api.answer` where the pages do not come to an end.
    func all<Item: Codable & Sendable>(_ path: [String], query: String? = nil) async throws -> [Item] {
        var items: [Item] = []
        var next: String?
        var asked: Set<String> = []
        repeat {
            if let next, !asked.insert(next).inserted || asked.count > Self.pagesMax {
                throw ControllerAPIError(
                    family: .refused, code: "answer",
                    summary: "The pages of \(url(path)) do not come to an end: after \(asked.count) of them "
                        + "\(next.debugDescription) is to be asked for\(asked.count > Self.pagesMax ? "" : " again").",
                    remedy: "Check that no proxy answers in the controller's place, and use a slipway of its version.")
            }
            let after = next.map { "after=\($0.percentEncoded)" }
            let words = [query, after].compactMap(\.self)
            let page: ListView<Item> = try await get(path, query: words.isEmpty ? nil : words.joined(separator: "&"))
            items += page.items
            next = page.items.isEmpty ? nil : page.next
        } while next != nil
        return items
    }

    func post<Answer: Decodable>(
        _ path: [String], query: String? = nil, _ body: some Encodable, ifMatch: String? = nil
    ) async throws -> Answer {
        let bytes = try JSONCoding.value(of: body).wireBytes
        let condition = ifMatch.map { [HTTPField("If-Match", $0)] } ?? []
        let headers = fields + [HTTPField("Content-Type", "application/json")] + condition
        return try await exchange(HTTPRequest("POST", url(path, query: query), headers: headers, body: bytes))
    }

    /// What is no JSON document.
    func getBytes(_ path: [String], query: String? = nil) async throws -> [UInt8] {
        try await answer(
            HTTPRequest("GET", url(path, query: query), headers: fields, responseSizeMax: ByteCount(128 << 20))
        ).body
    }

    /// With the tag by which a change says that it is this which it changes.
    func getTagged<Answer: Decodable>(_ path: [String]) async throws -> (Answer, tag: String?) {
        let request = HTTPRequest("GET", url(path), headers: fields)
        let response = try await answer(request)
        return (try decoded(response, request), response.head["ETag"])
    }

    private func exchange<Answer: Decodable>(_ request: HTTPRequest) async throws -> Answer {
        try await exchangeWithStatus(request).0
    }

    private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch let error as EffectsError {
            throw ControllerAPIError(unreachable: baseURL, error)
        }
        guard (200..<300).contains(response.status) else {
            throw ControllerAPIError(status: response.status, body: response.body, of: request)
        }
        return response
    }

    private func exchangeWithStatus<Answer: Decodable>(_ request: HTTPRequest) async throws -> (Answer, Int) {
        let response = try await answer(request)
        return (try decoded(response, request), response.status)
    }

    private func decoded<Answer: Decodable>(_ response: HTTPResponse, _ request: HTTPRequest) throws -> Answer {
        do {
            return try JSONCoding.decode(Answer.self, from: response.body)
        } catch let error as DefinitionError {
            throw ControllerAPIError(
                family: .refused, code: "answer", summary: "The controller's answer to \(request.url) cannot be read.",
                remedy: error.remedy, cause: error.summary)
        }
    }
}

extension ControllerAPIError {
    init(unreachable baseURL: String, _ error: EffectsError) {
        let (summary, remedy): (String, String)
        var cause: String? = "\(error.code): \(error.summary)" + (error.cause.map { " (\($0))" } ?? "")
        switch error.code {
        case "effects.http.unreachable":
            summary = "No controller answers at \(baseURL): \(error.cause ?? error.summary)."
            cause = nil
            remedy = "See that slipway-controller runs there, or name the right address and port: --controller URL."
        case "effects.http.tls.untrusted":
            summary = "What answers at \(baseURL) is not the controller whose authority is trusted here."
            remedy =
                "If it is the right address, trust the authority of the controller that runs there "
                + "(ca/authority.pem in its folder): --authority FILE, or anew with slipway login."
        default:
            summary = "The controller at \(baseURL) cannot be reached."
            remedy = error.remedy
        }
        self.init(
            family: .unreachable, code: "unreachable", summary: summary, remedy: remedy, cause: cause)
    }

    init(status: Int, body: [UInt8], of request: HTTPRequest) {
        if let problem = try? JSONCoding.decode(Problem.self, from: body) {
            self.init(problem)
            return
        }
        self.init(
            family: Self.family(ofStatus: status), code: "status",
            summary: "\(request.method) \(request.url) answered \(status) \(Problem.title(of: status)).",
            remedy: "Check that the address is a Slipway controller's and see its log.")
    }
}
