/// What `/openapi.yaml` says of each route beside what the route table says itself. A test holds that both have the same rows.
struct APIOperation: Sendable {
    enum Answer: String, Sendable {
        case json = "application/json"
        case text = "text/plain"
        case yaml = "application/yaml"
        case csv = "text/csv"
        case pem = "application/pem-certificate-chain"
        case ndjson = "application/x-ndjson"
        case events = "text/event-stream"
        case bytes = "application/octet-stream"
    }

    enum Body: Sendable {
        case none
        /// By the name of the type in `ControllerAPI`, `AgentProtocol` or `ReleaseDefinition`.
        case json(String)
        case upload
    }

    var summary: String
    var answer: Answer
    var body: Body
    var query: [String]
    var status: [Int]

    init(
        _ summary: String, answer: Answer = .json, body: Body = .none, query: [String] = [], status: [Int] = [200]
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
        "GET /metrics": APIOperation("Metrics in Prometheus' text format.", answer: .text),
        "GET /openapi.yaml": APIOperation("This document.", answer: .yaml),
        "GET /repository/**": APIOperation(
            "A file of the published repository, with validators and ranges.", answer: .bytes,
            status: [200, 206, 304, 416]),
        "GET /v1/doctor": APIOperation("What the controller finds about itself."),
    ]

    private static let agents: [String: APIOperation] = [
        "POST /v1/agent/join": APIOperation("A host joins with a token.", body: .json("JoinRequest")),
        "POST /v1/agent/certificate": APIOperation("A host's next certificate.", body: .json("CertificateRequest")),
        "POST /v1/agent/renewal-nonces": APIOperation("A word to sign for a renewal by proof."),
        "POST /v1/agent/renew": APIOperation(
            "A certificate for a host whose own has run out, by a proof of its key.", body: .json("RenewalProof")),
        "GET /v1/agent/stream": APIOperation("The orders of a host as they come.", answer: .events),
        "POST /v1/agent/reports": APIOperation(
            "What a host did; durable when it is answered, counted once however often it comes.",
            body: .json("HostReportBatch")),
    ]

    private static let hosts: [String: APIOperation] = [
        "GET /v1/authority": APIOperation(
            "The certificate authority in force, and the next one while it is replaced.", answer: .pem),
        "POST /v1/hosts/invitations": APIOperation("A join string.", body: .json("InvitationRequest"), status: [201]),
        "GET /v1/hosts/invitations": APIOperation("Invitations and join policies."),
        "POST /v1/hosts/invitations/{id}/revoke": APIOperation(
            "Nobody joins with it any more.", body: .json("HostReasonRequest")),
        "GET /v1/hosts/authority": APIOperation("The authority, and who has not renewed yet."),
        "POST /v1/hosts/authority/rotate": APIOperation("A new authority beside the old one.", body: .json("object")),
        "POST /v1/hosts/authority/finish": APIOperation(
            "The new authority alone.", body: .json("AuthorityFinishRequest")),
        "POST /v1/hosts/receipts": APIOperation("What a host without a network did.", body: .json("HostReceiptFile")),
        "GET /v1/hosts": APIOperation("Hosts.", query: ["hosts"] + ListPages.query),
        "GET /v1/hosts/{id}": APIOperation("A host."),
        "GET /v1/hosts/{id}/why": APIOperation("What keeps a host from a release.", query: ["release"]),
        "POST /v1/hosts/{id}/mark": APIOperation(
            "The host is pinned, or in maintenance: rollouts leave it out.", body: .json("HostMarkRequest")),
        "POST /v1/hosts/{id}/unmark": APIOperation(
            "It is not any more: the next rollout takes it along.", body: .json("HostMarkRequest")),
        "POST /v1/hosts/{id}/revoke": APIOperation(
            "The host is never believed again.", body: .json("HostReasonRequest")),
        "POST /v1/hosts/{id}/retire": APIOperation("The host is out of use.", body: .json("HostReasonRequest")),
        "POST /v1/hosts/{id}/unlock": APIOperation(
            "A quarantined host is believed again.", body: .json("HostReasonRequest")),
    ]

    private static let releases: [String: APIOperation] = [
        "POST /v1/releases": APIOperation(
            "Submits a release: a folder as a tar archive, or a package.", body: .upload, query: ["environment"],
            status: [200, 201]),
        "GET /v1/releases": APIOperation("Releases.", query: ListPages.query),
        "GET /v1/releases/{product}/{version}": APIOperation("A release."),
        "POST /v1/releases/{product}/{version}/promote": APIOperation(
            "Approves it for another environment.", body: .json("PromotionRequest")),
        "POST /v1/releases/{product}/{version}/revoke": APIOperation(
            "The director takes it back.", body: .json("RevocationRequest")),
        "POST /v1/releases/{product}/{version}/export": APIOperation(
            "A package with its proof, for hosts without a network.", answer: .bytes, body: .json("ExportRequest")),
        "GET /v1/releases/{product}/{version}/approvals": APIOperation(
            "The change that asks for its approval.", query: ["environment"]),
        "POST /v1/releases/{product}/{version}/approvals": APIOperation(
            "An approver's signatures.", body: .json("SignatureUpload"), query: ["environment"]),
        "POST /v1/releases/{product}/{version}/emergency": APIOperation(
            "Asks the emergency people for it.", body: .json("EmergencyApprovalRequest")),
        "POST /v1/releases/{product}/{version}/withdraw": APIOperation(
            "Asks the approvers to take it back for good.", body: .json("WithdrawalRequest")),
        "POST /v1/releases/{product}/{version}/floor": APIOperation(
            "Asks the approvers that nothing older is installed.", body: .json("FloorRequest")),
    ]

    private static let rollouts: [String: APIOperation] = [
        "POST /v1/rollouts": APIOperation(
            "Starts a rollout by a plan that somebody looked at.", body: .json("RolloutDefinition"),
            query: ["plan", "acceptHostChanges"], status: [201]),
        "POST /v1/rollouts/plans": APIOperation(
            "A plan, host by host, with its digest.", body: .json("RolloutDefinition"), status: [201]),
        "GET /v1/rollouts/plans/{digest}": APIOperation("A plan."),
        "POST /v1/rollouts/plans/{digest}/authorisations": APIOperation(
            "A person's authorisation of a plan.", body: .json("RolloutAuthorisation")),
        "POST /v1/rollouts/order": APIOperation(
            "In what order rollouts of several products must go.", body: .json("RolloutOrderRequest")),
        "POST /v1/rollouts/preflight": APIOperation(
            "How the hosts of a rollout stand, before any is touched.", body: .json("PreflightRequest")),
        "GET /v1/rollouts": APIOperation("Rollouts.", query: ListPages.query),
        "GET /v1/rollouts/{id}": APIOperation("A rollout."),
        "GET /v1/rollouts/{id}/why": APIOperation("What holds a rollout, or one of its hosts.", query: ["host"]),
        "GET /v1/rollouts/{id}/events": APIOperation(
            "Its changes as they happen, from Last-Event-ID on.", answer: .events, query: ["after"]),
        "POST /v1/rollouts/{id}/pause": APIOperation("No further host begins.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/resume": APIOperation("It goes on.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/halt": APIOperation(
            "It stops and waits for somebody.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/stop": APIOperation("It ends where it is.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/abort": APIOperation(
            "It ends, with or without a back-out.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/promote": APIOperation(
            "A phase passes before its time.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/retry": APIOperation("Failed hosts begin again.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/skip": APIOperation("Hosts are left out.", body: .json("RolloutVerbRequest")),
        "POST /v1/rollouts/{id}/back-out": APIOperation(
            "Hosts go back to what they ran.", body: .json("RolloutVerbRequest")),
        "GET /v1/events": APIOperation(
            "The changes of all rollouts as they happen.", answer: .events, query: ["after"]),
        "POST /v1/pushes": APIOperation(
            "A release to the hosts that are connected now.", body: .json("PushRequest"), status: [201]),
        "POST /v1/rehearsals": APIOperation(
            "Connected hosts install a release, back it out, compare and install it; what they sign is evidence.",
            body: .json("RehearsalRequest"), status: [201]),
        "GET /v1/rehearsals/{id}": APIOperation("A rehearsal, host by host."),
        "POST /v1/emergency-pushes": APIOperation(
            "A release to all hosts at once, in an emergency.", body: .json("EmergencyPushRequest"), status: [201]),
        "GET /v1/emergencies": APIOperation("Emergency releases and their reviews."),
        "POST /v1/emergencies/{rollout}/review": APIOperation(
            "The review of an emergency release.", body: .json("EmergencyReviewRequest")),
        "GET /v1/freezes": APIOperation("Freezes."),
        "POST /v1/freezes": APIOperation(
            "Halts everything in a scope until somebody lifts it.", body: .json("FreezeRequest"), status: [201]),
        "POST /v1/freezes/{id}/lift": APIOperation("Lifts a freeze.", body: .json("ReasonRequest")),
    ]

    private static let keys: [String: APIOperation] = [
        "GET /v1/keys": APIOperation("Keys, profile, and what each claim of it lacks."),
        "GET /v1/keys/changes/{id}": APIOperation("A change to signed metadata."),
        "POST /v1/keys/changes/{id}/signatures": APIOperation(
            "Signatures of a change.", body: .json("SignatureUpload")),
        "POST /v1/keys/changes/{id}/drop": APIOperation("Gives a change up.", body: .json("ReasonRequest")),
        "POST /v1/keys/changes": APIOperation(
            "Proposes changes to signed metadata.", body: .json("MetadataChangeRequest"), status: [201]),
        "POST /v1/keys/rotate": APIOperation("A new online key.", body: .json("OnlineRotationRequest")),
        "POST /v1/keys/reload": APIOperation("Reads the folder of keys again.", body: .json("ReasonRequest")),
        "POST /v1/keys/profile": APIOperation("Chooses the profile.", body: .json("ProfileRequest")),
        "GET /v1/policy": APIOperation("The policy in force."),
        "GET /v1/policy/versions": APIOperation("Every policy there was."),
        "GET /v1/policy/versions/{version}": APIOperation("A policy there was."),
        "POST /v1/policy": APIOperation("Puts a policy into force.", body: .json("PolicyRequest"), status: [201]),
        "POST /v1/policy/checks": APIOperation("Checks a policy.", body: .json("PolicyRequest")),
        "POST /v1/policy/overrides": APIOperation(
            "Sets a rule aside for one release.", body: .json("PolicyOverrideRequest"), status: [201]),
        "GET /v1/policy/overrides": APIOperation("Rules that were set aside."),
    ]

    private static let people: [String: APIOperation] = [
        "GET /v1/sign-in": APIOperation("Where people get an identity token that is believed here (OpenID Connect)."),
        "POST /v1/tokens": APIOperation(
            "A token that speaks for a person.", body: .json("TokenRequest"), status: [201]),
        "GET /v1/tokens": APIOperation("Tokens, without their secrets."),
        "POST /v1/tokens/{id}/revoke": APIOperation("Takes a token back.", body: .json("HostReasonRequest")),
        "POST /v1/grants": APIOperation("Grants a permission set.", body: .json("GrantRequest"), status: [201]),
        "GET /v1/grants": APIOperation("Grants."),
        "POST /v1/grants/{id}/remove": APIOperation("Takes a grant back.", body: .json("HostReasonRequest")),
        "GET /v1/audit": APIOperation("Entries of the log.", query: ["after", "limit"]),
        "GET /v1/audit/export": APIOperation(
            "Entries of the log as the stored lines.", answer: .ndjson, query: ["after"]),
        "GET /v1/audit/head": APIOperation("The end of the log, after all of it was read again."),
    ]
}
