import ControllerAPI
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseReporting

/// What `/openapi.yaml` says of the record of releases, of configuration items and of notifications.
extension APIOperation {
    private static let base = "/v1/releases/{product}/{version}"

    static let lifecycle: [String: APIOperation] = [
        "GET /v1/lifecycles": APIOperation(
            "Where each release stands.", answer: .list(LifecycleView.self), query: Query.page),
        "GET \(base)/lifecycle": APIOperation(
            "Where a release stands, and what is missing.", answer: .json(LifecycleView.self)),
        "POST \(base)/plan": APIOperation(
            "A release-plan.yaml.", answer: .json(LifecycleView.self), body: .json(ReleasePlanRequest.self)),
        "POST \(base)/evidence": APIOperation(
            "A signed statement about the package.", answer: .json(LifecycleView.self),
            body: .json(EvidenceRequest.self), status: [201]),
        "GET \(base)/evidence/{id}": APIOperation(
            "A statement's envelope, or its document.", answer: .bytes, query: ["part"]),
        "POST \(base)/authorisations": APIOperation(
            "A person's yes to plan and package.", answer: .json(LifecycleView.self),
            body: .json(ReleaseConsentRequest.self)),
        "POST \(base)/declines": APIOperation(
            "A person's no.", answer: .json(LifecycleView.self), body: .json(ReleaseDeclineRequest.self)),
        "POST \(base)/deviations": APIOperation(
            "A deviation, risk or issue.", answer: .json(LifecycleView.self), body: .json(DeviationRequest.self),
            status: [201]),
        "POST \(base)/deviations/{id}/resolve": APIOperation(
            "What was done about it.", answer: .json(LifecycleView.self), body: .json(DeviationResolveRequest.self)),
        "POST \(base)/known-errors": APIOperation(
            "An error that is lived with.", answer: .json(LifecycleView.self), body: .json(KnownErrorRequest.self),
            status: [201]),
        "POST \(base)/feedback": APIOperation(
            "How it went.", answer: .json(LifecycleView.self), body: .json(FeedbackRequest.self), status: [201]),
        "POST \(base)/feedback-links": APIOperation(
            "A link by which people without an account answer.", answer: .json(FeedbackLinkView.self),
            body: .json(FeedbackLinkRequest.self), status: [201]),
        "GET \(base)/review": APIOperation(
            "The review, filled from what happened.", answer: .json(ReleaseReviewView.self)),
        "POST \(base)/review": APIOperation(
            "The review is held.", answer: .json(LifecycleView.self), body: .json(ReleaseReviewRequest.self)),
        "POST \(base)/close": APIOperation("The file is closed.", answer: .json(LifecycleView.self)),
        "POST \(base)/baselines": APIOperation(
            "Every configuration item is put down.", answer: .json(BaselineView.self), status: [201]),
        "GET \(base)/documents": APIOperation("The documents of the package.", answer: .list(ReleaseDocumentView.self)),
        "GET \(base)/document/**": APIOperation("A document, as it was signed.", answer: .bytes),
        "GET /v1/reports/measures": APIOperation(
            "The four measures.", answer: .list(ReleaseMeasures.self),
            query: [Query("from", .moment), Query("until", .moment)]),
        "GET /v1/cmdb/items": APIOperation(
            "Configuration items.", answer: .list(ConfigurationItem.self), query: Query.page),
        "GET /v1/cmdb/items.csv": APIOperation("Configuration items as CSV.", answer: .csv),
        "GET /v1/cmdb/places": APIOperation(
            "Where a material is running.", answer: .list(MaterialPlaceView.self), query: [.required("material")]),
        "GET /v1/notifications": APIOperation(
            "Messages that are on their way, or were given up.", answer: .json(NotificationsView.self)),
        "POST /v1/notifications/replay": APIOperation(
            "Sends again what was given up.", answer: .json(NotificationsView.self),
            body: .json(NotificationReplayRequest.self)),
    ]
}
