/// What `/openapi.yaml` says of the record of releases, of configuration items and of notifications.
extension APIOperation {
    private static let base = "/v1/releases/{product}/{version}"

    static let lifecycle: [String: APIOperation] = [
        "GET /v1/lifecycles": APIOperation("Where each release stands."),
        "GET \(base)/lifecycle": APIOperation("Where a release stands, and what is missing."),
        "POST \(base)/plan": APIOperation("A release-plan.yaml.", body: .json("ReleasePlanRequest")),
        "POST \(base)/evidence": APIOperation(
            "A signed statement about the package.", body: .json("EvidenceRequest"), status: [201]),
        "GET \(base)/evidence/{id}": APIOperation(
            "A statement's envelope, or its document.", answer: .bytes, query: ["part"]),
        "POST \(base)/authorisations": APIOperation(
            "A person's yes to plan and package.", body: .json("ReleaseConsentRequest")),
        "POST \(base)/declines": APIOperation("A person's no.", body: .json("ReleaseDeclineRequest")),
        "POST \(base)/deviations": APIOperation(
            "A deviation, risk or issue.", body: .json("DeviationRequest"), status: [201]),
        "POST \(base)/deviations/{id}/resolve": APIOperation(
            "What was done about it.", body: .json("DeviationResolveRequest")),
        "POST \(base)/known-errors": APIOperation(
            "An error that is lived with.", body: .json("KnownErrorRequest"), status: [201]),
        "POST \(base)/feedback": APIOperation("How it went.", body: .json("FeedbackRequest"), status: [201]),
        "POST \(base)/feedback-links": APIOperation(
            "A link by which people without an account answer.", body: .json("FeedbackLinkRequest"), status: [201]),
        "GET \(base)/review": APIOperation("The review, filled from what happened."),
        "POST \(base)/review": APIOperation("The review is held.", body: .json("ReleaseReviewRequest")),
        "POST \(base)/close": APIOperation("The file is closed.", body: .json("object")),
        "POST \(base)/baselines": APIOperation(
            "Every configuration item is put down.", body: .json("object"), status: [201]),
        "GET \(base)/documents": APIOperation("The documents of the package."),
        "GET \(base)/document/**": APIOperation("A document, as it was signed.", answer: .bytes),
        "GET /v1/reports/measures": APIOperation("The four measures.", query: ["from", "until"]),
        "GET /v1/cmdb/items": APIOperation("Configuration items."),
        "GET /v1/cmdb/items.csv": APIOperation("Configuration items as CSV.", answer: .csv),
        "GET /v1/cmdb/places": APIOperation("Where a material is running.", query: ["material"]),
        "GET /v1/notifications": APIOperation("Messages that are on their way, or were given up."),
        "POST /v1/notifications/replay": APIOperation(
            "Sends again what was given up.", body: .json("NotificationReplayRequest")),
    ]
}
