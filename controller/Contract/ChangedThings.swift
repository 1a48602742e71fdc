import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// What GET shows of the thing that a POST changes: `If-Match` is held against its tag.
enum ChangedThings {
    private static let release = "/v1/releases/{product}/{version}"
    /// What they answer is all that they do, or they add what stands elsewhere.
    private static let others: Set = ["\(release)/export", "\(release)/baselines", "\(release)/feedback-links"]
    private static let lifecycle: Set = [
        "plan", "evidence", "authorisations", "declines", "deviations", "known-errors", "feedback", "close",
    ]
    private static let things = [
        "/v1/hosts/{id}", "/v1/hosts/authority", "/v1/rollouts/plans/{digest}", "/v1/rollouts/{id}",
        "/v1/keys/changes/{id}",
    ]
    private static let keys: Set = ["/v1/keys/rotate", "/v1/keys/reload", "/v1/keys/profile"]

    /// The path of the GET; nil: no single thing is changed, or none that can be looked at.
    static func path(changedBy route: Route) -> String? {
        guard route.method == .post, !others.contains(route.path) else { return nil }
        let path = route.path
        if path == "/v1/policy" { return path }
        if keys.contains(path) { return "/v1/keys" }
        if path.hasPrefix("\(release)/") {
            let word = String(path.dropFirst(release.count + 1).prefix { $0 != "/" })
            if ["approvals", "review"].contains(word) { return path }
            return lifecycle.contains(word) ? "\(release)/lifecycle" : release
        }
        return things.first { path.hasPrefix($0 + "/") }
    }

    /// As its GET answers now; nil from it: there is none yet.
    static func shown(_ request: RouteRequest, by route: Route) throws -> ChangeTerms.Shown? {
        switch path(changedBy: route) {
        case "/v1/policy": return { controller in try (try? controller.policyView()).map { try Responses.tag(of: $0) } }
        case "/v1/keys": return { try Responses.tag(of: $0.keysView()) }
        case "/v1/keys/changes/{id}":
            let id = request.parameters["id"] ?? ""
            return { try Responses.tag(of: $0.changeView(id)) }
        case "/v1/hosts/authority": return { try Responses.tag(of: $0.authorityView()) }
        case "/v1/hosts/{id}":
            let id = try request.parameter("id", as: HostID.self)
            return { try Responses.tag(of: $0.hostView(id)) }
        case "/v1/rollouts/{id}":
            let id = try request.parameter("id", as: RolloutID.self)
            return { try Responses.tag(of: $0.rolloutView(id)) }
        case "/v1/rollouts/plans/{digest}":
            let digest = try ControllerRoutes.planDigest(request)
            return { try Responses.tag(of: $0.planView(digest)) }
        case "\(release)/approvals":
            let (name, environment) = (try ControllerRoutes.name(request), try ControllerRoutes.environment(request))
            return { try Responses.tag(of: $0.changeView(of: name, in: environment)) }
        case "\(release)/review":
            let name = try ControllerRoutes.name(request)
            return { try Responses.tag(of: $0.reviewView(name)) }
        case "\(release)/lifecycle":
            let name = try ControllerRoutes.name(request)
            return { controller in try (try? controller.lifecycleView(name)).map { try Responses.tag(of: $0) } }
        case release:
            let name = try ControllerRoutes.name(request)
            return { try Responses.tag(of: $0.releaseView(name)) }
        default: return nil
        }
    }
}
