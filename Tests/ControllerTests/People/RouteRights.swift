import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// Who may call each route, written down a second time and by hand: a route that changes its permission or the place where it
/// must hold fails, and so does one that is new and not put down here.
enum RouteRights {
    /// Which permission sets hold a right, as docs/trust.md says.
    static let sets: [String: Set<PermissionSet>] = [
        "view": Set(PermissionSet.allCases),
        "submitReleases": [.builder, .serviceOwner, .releaseManager, .admin],
        "approveReleases": [.approver, .admin],
        "sendSignatures": [.approver, .emergency, .admin],
        "deploy": [.operator, .serviceOwner, .releaseManager, .admin],
        "revokeReleases": [.serviceOwner, .releaseManager, .emergency, .admin],
        "pushEmergencies": [.emergency, .admin],
        "manageHosts": [.operator, .admin],
        "administer": [.admin],
    ]

    /// By method and path: `anyone`, `host`, or a right and where it must hold.
    static let all: [String: String] = Dictionary(
        table.split(separator: "\n").map { line in
            let words = line.split(separator: ":", maxSplits: 1)
            return (String(words[0]), words[1].trimmingPrefix(" ").description)
        }, uniquingKeysWith: { first, _ in first })

    static func key(_ route: Route) -> String {
        let path = [
            ConsoleAssets.stylePath: "/console/assets/STYLE", ConsoleAssets.scriptPath: "/console/assets/SCRIPT",
        ]
        return "\(route.method) \(path[route.path] ?? route.path)"
    }

    /// What the route table says, in the words of this one.
    static func said(_ route: Route) -> String {
        switch route.access {
        case .anyone: "anyone"
        case .host: "host"
        case .person(let permission): "\(permission.rawValue), \(route.scope.name)"
        case nil: "nobody"
        }
    }

    /// The right in the words of a row.
    static func right(_ route: Route) -> String? {
        all[key(route)].map { String($0.prefix { $0 != "," }) }
    }

    private static let table = """
        GET /: anyone
        GET /console/assets/SCRIPT: anyone
        GET /console/assets/STYLE: anyone
        GET /console/configuration: anyone
        GET /console/hosts/{id}: anyone
        GET /console/live: view, shown
        GET /console/log: anyone
        GET /console/calendar/{environment}: anyone
        GET /console/measures: anyone
        GET /console/policy: anyone
        GET /console/releases: anyone
        GET /console/releases/{product}/{version}: anyone
        GET /console/releases/{product}/{version}/documents/**: anyone
        GET /console/rollouts/{id}: anyone
        GET /console/approvals: anyone
        GET /console/calendar: anyone
        POST /console/freezes: deploy, freeze
        POST /console/freezes/{id}/lift: deploy, freeze
        POST /console/hosts/{id}/mark: manageHosts, host
        POST /console/hosts/{id}/unlock: manageHosts, host
        POST /console/hosts/{id}/unmark: manageHosts, host
        POST /console/releases/{product}/{version}/revoke: revokeReleases, product and environment
        POST /console/releases/{product}/{version}/withdraw: revokeReleases, product and environment
        POST /console/rollouts/{id}/abort: deploy, rollout
        POST /console/rollouts/{id}/back-out: deploy, rollout
        POST /console/rollouts/{id}/halt: deploy, rollout
        POST /console/rollouts/{id}/pause: deploy, rollout
        POST /console/rollouts/{id}/promote: deploy, rollout
        POST /console/rollouts/{id}/resume: deploy, rollout
        POST /console/rollouts/{id}/retry: deploy, rollout
        POST /console/rollouts/{id}/skip: deploy, rollout
        POST /console/rollouts/{id}/stop: deploy, rollout
        GET /console/sign-in/{issuer}: anyone
        GET /console/sign-in/{issuer}/callback: anyone
        POST /console/sign-in: anyone
        POST /console/sign-out: anyone
        GET /feedback/{link}: anyone
        POST /feedback/{link}: anyone
        GET /livez: anyone
        GET /metrics: view, everything
        GET /problems/{code}: anyone
        GET /openapi.yaml: anyone
        GET /v1/sign-in: anyone
        GET /readyz: anyone
        GET /repository/**: anyone
        POST /v1/agent/certificate: host
        POST /v1/agent/join: anyone
        POST /v1/agent/renew: anyone
        POST /v1/agent/renewal-nonces: anyone
        POST /v1/agent/reports: host
        GET /v1/agent/stream: host
        GET /v1/audit: view, everything
        GET /v1/audit/export: view, everything
        GET /v1/audit/head: view, everything
        GET /v1/authority: anyone
        GET /v1/cmdb/items: view, everything
        GET /v1/cmdb/items.csv: view, everything
        GET /v1/cmdb/places: view, everything
        GET /v1/doctor: view, everything
        GET /v1/emergencies: view, everything
        POST /v1/emergencies/{rollout}/review: deploy, everything
        POST /v1/emergency-pushes: pushEmergencies, rollout
        GET /v1/events: view, everything
        GET /v1/freezes: view, shown
        POST /v1/freezes: deploy, freeze
        POST /v1/freezes/{id}/lift: deploy, freeze
        GET /v1/grants: administer, everything
        POST /v1/grants: administer, everything
        POST /v1/grants/{id}/remove: administer, everything
        GET /v1/hosts: view, shown
        GET /v1/hosts/authority: view, everything
        POST /v1/hosts/authority/finish: administer, everything
        POST /v1/hosts/authority/rotate: administer, everything
        GET /v1/hosts/invitations: manageHosts, everything
        POST /v1/hosts/invitations: manageHosts, environment and labels
        POST /v1/hosts/invitations/{id}/revoke: manageHosts, everything
        POST /v1/hosts/labels: manageHosts, everything
        POST /v1/hosts/receipts: manageHosts, everything
        GET /v1/hosts/{id}: view, host
        POST /v1/hosts/{id}/mark: manageHosts, host
        POST /v1/hosts/{id}/retire: manageHosts, host
        POST /v1/hosts/{id}/revoke: manageHosts, host
        POST /v1/hosts/{id}/unlock: manageHosts, host
        POST /v1/hosts/{id}/unmark: manageHosts, host
        GET /v1/hosts/{id}/why: view, host
        GET /v1/keys: view, everything
        POST /v1/keys/changes: administer, everything
        GET /v1/keys/changes/{id}: view, change
        POST /v1/keys/changes/{id}/drop: administer, everything
        POST /v1/keys/changes/{id}/signatures: sendSignatures, change
        POST /v1/keys/profile: administer, everything
        POST /v1/keys/reload: administer, everything
        POST /v1/keys/rotate: administer, everything
        GET /v1/lifecycles: view, shown
        GET /v1/notifications: administer, everything
        POST /v1/notifications/replay: administer, everything
        GET /v1/policy: view, shown
        POST /v1/policy: administer, everything
        POST /v1/policy/checks: view, shown
        GET /v1/policy/overrides: view, shown
        POST /v1/policy/overrides: view, shown
        GET /v1/policy/versions: view, shown
        GET /v1/policy/versions/{version}: view, shown
        POST /v1/pushes: deploy, rollout
        POST /v1/rehearsals: deploy, rollout
        GET /v1/rehearsals/{id}: view, rollout
        GET /v1/releases: view, shown
        POST /v1/releases: submitReleases, product and environment
        GET /v1/releases/{product}/{version}: view, product
        GET /v1/releases/{product}/{version}/approvals: view, product and environment
        POST /v1/releases/{product}/{version}/approvals: sendSignatures, product and environment
        POST /v1/releases/{product}/{version}/authorisations: approveReleases, product
        POST /v1/releases/{product}/{version}/baselines: deploy, product
        POST /v1/releases/{product}/{version}/close: deploy, product
        POST /v1/releases/{product}/{version}/declines: approveReleases, product
        POST /v1/releases/{product}/{version}/deviations: deploy, product
        POST /v1/releases/{product}/{version}/deviations/{id}/resolve: deploy, product
        GET /v1/releases/{product}/{version}/document/**: view, product
        GET /v1/releases/{product}/{version}/documents: view, product
        POST /v1/releases/{product}/{version}/emergency: pushEmergencies, product
        POST /v1/releases/{product}/{version}/evidence: submitReleases, product
        GET /v1/releases/{product}/{version}/evidence/{id}: view, product
        POST /v1/releases/{product}/{version}/export: deploy, everything
        POST /v1/releases/{product}/{version}/feedback: view, product
        POST /v1/releases/{product}/{version}/feedback-links: deploy, product
        POST /v1/releases/{product}/{version}/floor: approveReleases, product and environment
        POST /v1/releases/{product}/{version}/known-errors: deploy, product
        GET /v1/releases/{product}/{version}/lifecycle: view, product
        POST /v1/releases/{product}/{version}/plan: submitReleases, product
        POST /v1/releases/{product}/{version}/promote: approveReleases, product and environment
        GET /v1/releases/{product}/{version}/review: view, product
        POST /v1/releases/{product}/{version}/review: deploy, product
        POST /v1/releases/{product}/{version}/revoke: revokeReleases, product and environment
        POST /v1/releases/{product}/{version}/withdraw: revokeReleases, product and environment
        GET /v1/reports/measures: view, everything
        GET /v1/retention: view, everything
        GET /v1/rollouts: view, shown
        POST /v1/rollouts: deploy, rollout
        POST /v1/rollouts/order: view, rollout
        POST /v1/rollouts/plans: deploy, rollout
        GET /v1/rollouts/plans/{digest}: view, plan
        POST /v1/rollouts/plans/{digest}/authorisations: approveReleases, plan
        POST /v1/rollouts/preflight: view, rollout
        GET /v1/rollouts/{id}: view, rollout
        POST /v1/rollouts/{id}/abort: deploy, rollout
        POST /v1/rollouts/{id}/back-out: deploy, rollout
        GET /v1/rollouts/{id}/events: view, rollout
        POST /v1/rollouts/{id}/halt: deploy, rollout
        POST /v1/rollouts/{id}/pause: deploy, rollout
        POST /v1/rollouts/{id}/promote: deploy, rollout
        POST /v1/rollouts/{id}/resume: deploy, rollout
        POST /v1/rollouts/{id}/retry: deploy, rollout
        POST /v1/rollouts/{id}/skip: deploy, rollout
        POST /v1/rollouts/{id}/stop: deploy, rollout
        GET /v1/rollouts/{id}/why: view, rollout
        GET /v1/tokens: administer, everything
        POST /v1/tokens: administer, everything
        POST /v1/tokens/{id}/revoke: administer, everything
        """
}
