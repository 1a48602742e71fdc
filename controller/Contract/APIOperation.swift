import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// What `/openapi.yaml` says of each route beside what the route table says itself. A test holds that both have the same rows.
struct APIOperation: Sendable {
    /// What comes with a success.
    enum Answer: Sendable {
        case text, yaml, csv, pem, ndjson, events, bytes
        /// As text, and in another form for who asks for it.
        case textOr(String)
        case json(any (Codable & Sendable).Type)
        /// A `ListView` of these.
        case list(any (Codable & Sendable).Type)

        var mediaTypes: [String] {
            if case .textOr(let other) = self { [mediaType, other] } else { [mediaType] }
        }

        var mediaType: String {
            switch self {
            case .json, .list: "application/json"
            case .text, .textOr: "text/plain"
            case .yaml: "application/yaml"
            case .csv: "text/csv"
            case .pem: "application/pem-certificate-chain"
            case .ndjson: "application/x-ndjson"
            case .events: Responses.eventStream
            case .bytes: "application/octet-stream"
            }
        }
    }

    enum Body: Sendable {
        case none
        case json(any (Decodable & Sendable).Type)
        case upload
    }

    /// A parameter after the question mark.
    struct Query: Sendable, ExpressibleByStringLiteral {
        enum Kind: Sendable { case text, moment, number(ClosedRange<Int64>) }

        var name: String
        var kind: Kind
        var isRequired = false

        init(stringLiteral name: String) { self.init(name, .text) }

        init(_ name: String, _ kind: Kind, isRequired: Bool = false) {
            (self.name, self.kind, self.isRequired) = (name, kind, isRequired)
        }

        static func required(_ name: String) -> Query { Query(name, .text, isRequired: true) }
        static func number(_ name: String, _ range: ClosedRange<Int64>) -> Query { Query(name, .number(range)) }
        static let page: [Query] = [.number("limit", 1...Int64(ListPages.limitMax)), "after"]
        /// Goes on after this event of the log.
        static let afterEvent = Query.number("after", 0...Int64.max)
    }

    var summary: String
    var answer: Answer
    var body: Body
    var query: [Query]
    var status: [Int]

    var isPaged: Bool { ["limit", "after"].allSatisfy(query.map(\.name).contains) }

    init(
        _ summary: String, answer: Answer, body: Body = .none, query: [Query] = [], status: [Int] = [200]
    ) {
        self.summary = summary
        self.answer = answer
        self.body = body
        self.query = query
        self.status = status
    }

    static let all: [String: APIOperation] = {
        var all: [String: APIOperation] = [:]
        for rows in [general, agents, hosts, releases, rollouts, keys, people, lifecycle] {
            all.merge(rows) { first, _ in first }
        }
        return all
    }()

    private static let general: [String: APIOperation] = [
        "GET /livez": APIOperation("Whether the process answers.", answer: .text),
        "GET /readyz": APIOperation(
            "Whether it can serve; with ?verbose what can and what cannot.", answer: .text, query: ["verbose"],
            status: [200, 503]),
        "GET /metrics": APIOperation(
            "Metrics in Prometheus' text format, or as OpenMetrics.", answer: .textOr(MetricsText.Form.openMetricsType)),
        "GET /problems/{code}": APIOperation("What a code of a problem means.", answer: .textOr("text/html")),
        "GET /openapi.yaml": APIOperation("This document.", answer: .yaml),
        "GET /repository/**": APIOperation(
            "A file of the published repository, with validators and ranges.", answer: .bytes,
            status: [200, 206, 304, 416]),
        "GET /v1/doctor": APIOperation("What the controller finds about itself.", answer: .json(DoctorReport.self)),
        "GET /v1/retention": APIOperation(
            "Which packages are kept and why, and which are removed next.", answer: .json(RetentionView.self)),
    ]

    private static let agents: [String: APIOperation] = [
        "POST /v1/agent/join": APIOperation(
            "A host joins with a token.", answer: .json(JoinResponse.self), body: .json(JoinRequest.self)),
        "POST /v1/agent/certificate": APIOperation(
            "A host's next certificate.", answer: .json(CertificateResponse.self), body: .json(CertificateRequest.self)),
        "POST /v1/agent/renewal-nonces": APIOperation(
            "A word to sign for a renewal by proof.", answer: .json(RenewalNonce.self)),
        "POST /v1/agent/renew": APIOperation(
            "A certificate for a host whose own has run out, by a proof of its key.",
            answer: .json(CertificateResponse.self), body: .json(RenewalProof.self)),
        "GET /v1/agent/stream": APIOperation("The orders of a host as they come.", answer: .events),
        "POST /v1/agent/reports": APIOperation(
            "What a host did; durable when it is answered, counted once however often it comes.",
            answer: .json(HostReportReceipt.self),
            body: .json(HostReportBatch.self)),
    ]

    private static let hosts: [String: APIOperation] = [
        "GET /v1/authority": APIOperation(
            "The certificate authority in force, and the next one while it is replaced.", answer: .pem),
        "POST /v1/hosts/invitations": APIOperation(
            "A join string.", answer: .json(InvitationView.self), body: .json(InvitationRequest.self), status: [201]),
        "GET /v1/hosts/invitations": APIOperation(
            "Invitations and join policies.", answer: .list(InvitationRecordView.self), query: Query.page),
        "POST /v1/hosts/invitations/{id}/revoke": APIOperation(
            "Nobody joins with it any more.", answer: .json(InvitationRecordView.self),
            body: .json(HostReasonRequest.self)),
        "GET /v1/hosts/authority": APIOperation(
            "The authority, and who has not renewed yet.", answer: .json(AuthorityView.self)),
        "POST /v1/hosts/authority/rotate": APIOperation(
            "A new authority beside the old one.", answer: .json(AuthorityView.self)),
        "POST /v1/hosts/authority/finish": APIOperation(
            "The new authority alone.", answer: .json(AuthorityView.self), body: .json(AuthorityFinishRequest.self)),
        "POST /v1/hosts/receipts": APIOperation(
            "What a host without a network did.", answer: .json(ReceiptView.self), body: .json(HostReceiptFile.self)),
        "GET /v1/hosts": APIOperation("Hosts.", answer: .list(HostView.self), query: ["hosts"] + Query.page),
        "GET /v1/hosts/{id}": APIOperation("A host.", answer: .json(HostView.self)),
        "GET /v1/hosts/{id}/why": APIOperation(
            "What keeps a host from a release.", answer: .json(RolloutWhyView.self), query: [.required("release")]),
        "POST /v1/hosts/labels": APIOperation(
            "What hosts are called by from now on.", answer: .json(HostLabelsView.self),
            body: .json(HostLabelsRequest.self)),
        "POST /v1/hosts/{id}/mark": APIOperation(
            "The host is pinned, or in maintenance: rollouts leave it out.", answer: .json(HostMarkedView.self),
            body: .json(HostMarkRequest.self)),
        "POST /v1/hosts/{id}/unmark": APIOperation(
            "It is not any more: the next rollout takes it along.", answer: .json(HostMarkedView.self),
            body: .json(HostMarkRequest.self)),
        "POST /v1/hosts/{id}/revoke": APIOperation(
            "The host is never believed again.", answer: .json(HostView.self), body: .json(HostReasonRequest.self)),
        "POST /v1/hosts/{id}/retire": APIOperation(
            "The host is out of use.", answer: .json(HostView.self), body: .json(HostReasonRequest.self)),
        "POST /v1/hosts/{id}/unlock": APIOperation(
            "A quarantined host is believed again.", answer: .json(HostView.self), body: .json(HostReasonRequest.self)),
    ]

    private static let releases: [String: APIOperation] = [
        "POST /v1/releases": APIOperation(
            "Submits a release: a folder as a tar archive, or a package.", answer: .json(ReleaseView.self),
            body: .upload, query: [.required("environment")],
            status: [200, 201]),
        "GET /v1/releases": APIOperation("Releases.", answer: .list(ReleaseView.self), query: Query.page),
        "GET /v1/releases/{product}/{version}": APIOperation("A release.", answer: .json(ReleaseView.self)),
        "POST /v1/releases/{product}/{version}/promote": APIOperation(
            "Approves it for another environment.", answer: .json(ReleaseView.self), body: .json(PromotionRequest.self)),
        "POST /v1/releases/{product}/{version}/revoke": APIOperation(
            "The director takes it back.", answer: .json(ReleaseView.self), body: .json(RevocationRequest.self)),
        "POST /v1/releases/{product}/{version}/export": APIOperation(
            "A package with its proof, for hosts without a network.", answer: .bytes, body: .json(ExportRequest.self)),
        "GET /v1/releases/{product}/{version}/approvals": APIOperation(
            "The change that asks for its approval.", answer: .json(MetadataChangeView.self),
            query: [.required("environment")]),
        "POST /v1/releases/{product}/{version}/approvals": APIOperation(
            "An approver's signatures.", answer: .json(MetadataChangeView.self), body: .json(SignatureUpload.self),
            query: [.required("environment")]),
        "POST /v1/releases/{product}/{version}/emergency": APIOperation(
            "Asks the emergency people for it.", answer: .json(ReleaseView.self),
            body: .json(EmergencyApprovalRequest.self)),
        "POST /v1/releases/{product}/{version}/withdraw": APIOperation(
            "Asks the approvers to take it back for good.", answer: .json(ReleaseView.self),
            body: .json(WithdrawalRequest.self)),
        "POST /v1/releases/{product}/{version}/floor": APIOperation(
            "Asks the approvers that nothing older is installed.", answer: .json(ReleaseView.self),
            body: .json(FloorRequest.self)),
    ]

    private static let rollouts: [String: APIOperation] = [
        "POST /v1/rollouts": APIOperation(
            "Starts a rollout by a plan that somebody looked at.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutDefinition.self),
            query: ["plan", .number("acceptHostChanges", 0...Int64.max)], status: [201]),
        "POST /v1/rollouts/plans": APIOperation(
            "A plan, host by host, with its digest.", answer: .json(RolloutPlanView.self),
            body: .json(RolloutDefinition.self), status: [201]),
        "GET /v1/rollouts/plans/{digest}": APIOperation("A plan.", answer: .json(RolloutPlanView.self)),
        "POST /v1/rollouts/plans/{digest}/authorisations": APIOperation(
            "A person's authorisation of a plan.", answer: .json(RolloutPlanView.self),
            body: .json(RolloutAuthorisation.self)),
        "POST /v1/rollouts/order": APIOperation(
            "In what order rollouts of several products must go.", answer: .list(RolloutOrder.Step.self),
            body: .json(RolloutOrderRequest.self)),
        "POST /v1/rollouts/preflight": APIOperation(
            "How the hosts of a rollout stand, before any is touched.", answer: .json(PreflightView.self),
            body: .json(PreflightRequest.self)),
        "GET /v1/rollouts": APIOperation("Rollouts.", answer: .list(ControllerAPI.RolloutView.self), query: Query.page),
        "GET /v1/rollouts/{id}": APIOperation("A rollout.", answer: .json(ControllerAPI.RolloutView.self)),
        "GET /v1/rollouts/{id}/why": APIOperation(
            "What holds a rollout, or one of its hosts.", answer: .json(RolloutWhyView.self), query: ["host"]),
        "GET /v1/rollouts/{id}/events": APIOperation(
            "Its changes as they happen, from Last-Event-ID on.", answer: .events, query: [.afterEvent]),
        "POST /v1/rollouts/{id}/pause": APIOperation(
            "No further host begins.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/resume": APIOperation(
            "It goes on.", answer: .json(ControllerAPI.RolloutView.self), body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/halt": APIOperation(
            "It stops and waits for somebody.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/stop": APIOperation(
            "It ends where it is.", answer: .json(ControllerAPI.RolloutView.self), body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/abort": APIOperation(
            "It ends, with or without a back-out.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/promote": APIOperation(
            "A phase passes before its time.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/retry": APIOperation(
            "Failed hosts begin again.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/skip": APIOperation(
            "Hosts are left out.", answer: .json(ControllerAPI.RolloutView.self), body: .json(RolloutVerbRequest.self)),
        "POST /v1/rollouts/{id}/back-out": APIOperation(
            "Hosts go back to what they ran.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(RolloutVerbRequest.self)),
        "GET /v1/events": APIOperation(
            "The changes of all rollouts as they happen.", answer: .events, query: [.afterEvent]),
        "POST /v1/pushes": APIOperation(
            "A release to the hosts that are connected now.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(PushRequest.self), status: [201]),
        "POST /v1/rehearsals": APIOperation(
            "Connected hosts install a release, back it out, compare and install it; what they sign is evidence.",
            answer: .json(RehearsalView.self),
            body: .json(RehearsalRequest.self), status: [201]),
        "GET /v1/rehearsals/{id}": APIOperation("A rehearsal, host by host.", answer: .json(RehearsalView.self)),
        "POST /v1/emergency-pushes": APIOperation(
            "A release to all hosts at once, in an emergency.", answer: .json(ControllerAPI.RolloutView.self),
            body: .json(EmergencyPushRequest.self), status: [201]),
        "GET /v1/emergencies": APIOperation(
            "Emergency releases and their reviews.", answer: .list(EmergencyView.self), query: Query.page),
        "POST /v1/emergencies/{rollout}/review": APIOperation(
            "The review of an emergency release.", answer: .json(EmergencyView.self),
            body: .json(EmergencyReviewRequest.self)),
        "GET /v1/freezes": APIOperation("Freezes.", answer: .list(FreezeView.self), query: Query.page),
        "POST /v1/freezes": APIOperation(
            "Halts everything in a scope until somebody lifts it.", answer: .json(FreezeView.self),
            body: .json(FreezeRequest.self), status: [201]),
        "POST /v1/freezes/{id}/lift": APIOperation(
            "Lifts a freeze.", answer: .json(FreezeView.self), body: .json(ReasonRequest.self)),
    ]

    private static let keys: [String: APIOperation] = [
        "GET /v1/keys": APIOperation("Keys, profile, and what each claim of it lacks.", answer: .json(KeysView.self)),
        "GET /v1/keys/changes/{id}": APIOperation(
            "A change to signed metadata.", answer: .json(MetadataChangeView.self)),
        "POST /v1/keys/changes/{id}/signatures": APIOperation(
            "Signatures of a change.", answer: .json(MetadataChangeView.self), body: .json(SignatureUpload.self)),
        "POST /v1/keys/changes/{id}/drop": APIOperation(
            "Gives a change up.", answer: .json(MetadataChangeView.self), body: .json(ReasonRequest.self)),
        "POST /v1/keys/changes": APIOperation(
            "Proposes changes to signed metadata.", answer: .list(MetadataChangeView.self),
            body: .json(MetadataChangeRequest.self), status: [201]),
        "POST /v1/keys/rotate": APIOperation(
            "A new online key.", answer: .json(KeysView.self), body: .json(OnlineRotationRequest.self)),
        "POST /v1/keys/reload": APIOperation(
            "Reads the folder of keys again.", answer: .json(KeysView.self), body: .json(ReasonRequest.self)),
        "POST /v1/keys/profile": APIOperation(
            "Chooses the profile.", answer: .json(KeysView.self), body: .json(ProfileRequest.self)),
        "GET /v1/policy": APIOperation("The policy in force.", answer: .json(PolicyView.self)),
        "GET /v1/policy/versions": APIOperation(
            "Every policy there was.", answer: .list(PolicyView.self), query: Query.page),
        "GET /v1/policy/versions/{version}": APIOperation("A policy there was.", answer: .json(PolicyView.self)),
        "POST /v1/policy": APIOperation(
            "Puts a policy into force.", answer: .json(PolicyView.self), body: .json(PolicyRequest.self), status: [201]),
        "POST /v1/policy/checks": APIOperation(
            "Checks a policy.", answer: .json(PolicyCheckView.self), body: .json(PolicyRequest.self)),
        "POST /v1/policy/overrides": APIOperation(
            "Sets a rule aside for one release.", answer: .json(PolicyOverrideView.self),
            body: .json(PolicyOverrideRequest.self), status: [201]),
        "GET /v1/policy/overrides": APIOperation("Rules that were set aside.", answer: .list(PolicyOverrideView.self)),
    ]

    private static let people: [String: APIOperation] = [
        "GET /v1/sign-in": APIOperation(
            "Where people get an identity token that is believed here (OpenID Connect).",
            answer: .json(SignInView.self)),
        "POST /v1/tokens": APIOperation(
            "A token that speaks for a person.", answer: .json(NewToken.self), body: .json(TokenRequest.self),
            status: [201]),
        "GET /v1/tokens": APIOperation(
            "Tokens, without their secrets.", answer: .list(TokenView.self), query: Query.page),
        "POST /v1/tokens/{id}/revoke": APIOperation(
            "Takes a token back.", answer: .json(TokenView.self), body: .json(HostReasonRequest.self)),
        "POST /v1/grants": APIOperation(
            "Grants a permission set.", answer: .json(GrantView.self), body: .json(GrantRequest.self), status: [201]),
        "GET /v1/grants": APIOperation("Grants.", answer: .list(GrantView.self), query: Query.page),
        "POST /v1/grants/{id}/remove": APIOperation(
            "Takes a grant back.", answer: .list(GrantView.self), body: .json(HostReasonRequest.self)),
        "GET /v1/audit": APIOperation(
            "Entries of the log, the oldest first; with before the newest first. after takes a cursor or an entry's number.",
            answer: .list(AuditEntryView.self),
            query: ["after", .number("before", 1...Int64.max), .number("limit", 1...Int64(ListPages.limitMax))]),
        "GET /v1/audit/export": APIOperation(
            "Entries of the log as the stored lines.", answer: .ndjson, query: [.afterEvent]),
        "GET /v1/audit/head": APIOperation(
            "The end of the log, after all of it was read again.", answer: .json(AuditHead.self)),
    ]
}
