import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// On what a route acts: which grants are enough. It stands beside the permission, row by row; a row that names none needs
/// a grant that holds everywhere.
public enum RouteScope: Sendable {
    case everything
    /// Any grant will do: the answer holds what the caller may see, or nothing of anybody's.
    case shown
    /// Every one of these must be covered by a grant. None: nothing is.
    case objects(String, @Sendable (RouteRequest, Controller) async throws -> [ScopedObject])

    /// The word for messages and tests.
    var name: String {
        switch self {
        case .everything: "everything"
        case .shown: "shown"
        case .objects(let name, _): name
        }
    }
}

extension RouteScope {
    /// The product in the path.
    static let product = RouteScope.objects("product") { request, _ in
        [ScopedObject(product: try request.parameter("product", as: ProductName.self))]
    }

    /// The product in the path, the environment in the body.
    static let productInEnvironment = RouteScope.objects("product and environment") { request, _ in
        let place = try await request.json(Place.self)
        return [
            ScopedObject(
                product: try request.parameter("product", as: ProductName.self), environment: place.environment)
        ]
    }

    /// The product in the path, the environment in the address.
    static let productQuery = RouteScope.objects("product and environment") { request, _ in
        let environment = request.query("environment").flatMap { try? EnvironmentName($0) }
        return [
            ScopedObject(product: try request.parameter("product", as: ProductName.self), environment: environment)
        ]
    }

    /// The environment in the address; the product is known when the upload was read, and asked then.
    static let upload = RouteScope.objects("product and environment") { request, _ in
        guard case .person(let person) = request.caller else { return [] }
        let environment = request.query("environment").flatMap { try? EnvironmentName($0) }
        let grants = person.grants ?? []
        return grants.filter { $0.set.permissions.contains(.submitReleases) }
            .map { ScopedObject(product: $0.scope.product, environment: environment) }
    }

    /// The host in the path.
    static let host = RouteScope.objects("host") { request, controller in
        let id = try request.parameter("id", as: HostID.self)
        guard let host = await controller.state.hosts[id] else { return [] }
        return [ScopedObject(host)]
    }

    /// Hosts that are to be, as their invitation will make them.
    static let invitation = RouteScope.objects("environment and labels") { request, _ in
        let wanted = try await request.json(InvitationRequest.self)
        let id = wanted.labels[Controller.nameLabel].flatMap { try? HostID($0) } ?? HostID(unchecked: "host-new")
        return [
            ScopedObject(
                environment: wanted.environment, hosts: .one(id: id, labels: wanted.labels))
        ]
    }

    /// The rollout in the path: its product, in its environment, on each of its hosts.
    static let rollout = RouteScope.objects("rollout") { request, controller in
        let id = try request.parameter("id", as: RolloutID.self)
        guard let record = await controller.state.rollouts[id] else { return [] }
        return await controller.scopedObjects(of: record)
    }

    /// The same, and the hosts that it will take along when they join.
    static let rolloutInFuture = RouteScope.objects("rollout") { request, controller in
        let id = try request.parameter("id", as: RolloutID.self)
        guard let record = await controller.state.rollouts[id], let definition = record.plan?.definition else {
            return []
        }
        let later = await controller.laterHosts(
            definition.release.product, definition.environment, matching: definition.hosts)
        return await controller.scopedObjects(of: record) + [later]
    }

    /// A rollout that is to be.
    static let newRollout = RouteScope.objects("rollout") { request, controller in
        let definition = try await request.json(RolloutDefinition.self)
        return await controller.scopedObjects(
            definition.release.product, definition.environment, matching: definition.hosts)
    }

    /// The frozen plan in the path: its product, in its environment, on each of its hosts.
    static let plan = RouteScope.objects("plan") { request, controller in
        guard let digest = try? SHA256Digest(hex: request.parameters["digest"] ?? ""),
            let plan = await controller.state.plans[digest]?.plan
        else { return [] }
        return await controller.scopedObjects(of: plan.definition, on: plan.hosts.map(\.id))
    }

    /// The change in the path: where it approves or takes back; one of keys needs a grant that holds everywhere.
    static let change = RouteScope.objects("change") { request, controller in
        guard let change = await controller.state.changes[request.parameters["id"] ?? ""] else { return [] }
        let places = change.edits.compactMap(\.scopedObject)
        return places.isEmpty ? [ScopedObject()] : places
    }

    static let orderedRollouts = RouteScope.objects("rollout") { request, controller in
        var objects: [ScopedObject] = []
        for definition in try await request.json(RolloutOrderRequest.self).rollouts {
            objects += await controller.scopedObjects(
                definition.release.product, definition.environment, matching: definition.hosts)
        }
        return objects
    }

    static let push = RouteScope.objects("rollout") { request, controller in
        let push = try await request.json(PushRequest.self)
        return await controller.pushedObjects(push.release.product, push.environment, matching: push.hosts)
    }

    static let emergencyPush = RouteScope.objects("rollout") { request, controller in
        let push = try await request.json(EmergencyPushRequest.self)
        return await controller.pushedObjects(push.release.product, push.environment, matching: push.hosts)
    }

    static let newRehearsal = RouteScope.objects("rollout") { request, controller in
        let body = try await request.json(RehearsalRequest.self)
        return await controller.pushedObjects(body.release.product, body.environment, matching: body.hosts)
    }

    /// The rehearsal in the path: its product, on each of its hosts.
    static let rehearsal = RouteScope.objects("rollout") { request, controller in
        guard let id = try? request.parameter("id", as: RolloutID.self),
            let plan = await controller.state.rehearsals[id]?.ordered.plan
        else { return [] }
        return await controller.scopedObjects(of: plan.definition, on: plan.hosts.map(\.id))
    }

    private struct Place: Decodable {
        var environment: EnvironmentName?
    }
}

extension Controller {
    /// The hosts that match, and those that will: a right over some hosts is none over whoever joins later.
    /// - Parameter environment: nil: of all.
    func scopedObjects(
        _ product: ProductName?, _ environment: EnvironmentName?, matching hosts: HostQuery
    ) -> [ScopedObject] {
        let found = state.hosts.values.filter { host in
            (environment == nil || host.environment == environment) && hosts.matches(id: host.id, labels: host.labels)
        }
        return found.map { ScopedObject($0, product: product) } + [laterHosts(product, environment, matching: hosts)]
    }

    /// Of a push, which need not name the environment of its hosts.
    fileprivate func pushedObjects(
        _ product: ProductName, _ environment: EnvironmentName?, matching hosts: HostQuery
    ) -> [ScopedObject] {
        scopedObjects(product, environment ?? (try? self.environment(of: hosts)), matching: hosts)
    }

    func laterHosts(
        _ product: ProductName?, _ environment: EnvironmentName?, matching hosts: HostQuery
    ) -> ScopedObject {
        let known = hosts.namedHosts.filter { state.hosts[$0] != nil }
        return ScopedObject(product: product, environment: environment, hosts: .later(hosts, known: known))
    }

    /// With those that joined it since.
    fileprivate func scopedObjects(of record: RolloutRecord) -> [ScopedObject] {
        record.plan.map { scopedObjects(of: $0.definition, on: Array(record.hosts.keys)) } ?? []
    }

    fileprivate func scopedObjects(of definition: RolloutDefinition, on hosts: [HostID]) -> [ScopedObject] {
        let place = ScopedObject(product: definition.release.product, environment: definition.environment)
        if hosts.isEmpty { return [place] }
        return hosts.map { id in
            state.hosts[id].map { ScopedObject($0, product: definition.release.product) } ?? place
        }
    }
}

extension RoleEdit {
    /// nil: it is of keys. A new product is handed over together with its first approval, which says where.
    fileprivate var scopedObject: ScopedObject? {
        switch self {
        case .approve(let it): ScopedObject(it.place, it.release)
        case .withdraw(let it): ScopedObject(it.place, it.release)
        case .floor(let place, let release): ScopedObject(place, release)
        case .renew(let role): ScopedObject(role: role)
        case .delegate, .topKeys, .delegatedKeys: nil
        }
    }
}

extension ScopedObject {
    fileprivate init(_ place: ApprovalPlace, _ release: ReleaseName) {
        self.init(product: release.product, environment: place.environment)
    }

    /// Of `staging-web`; nil: it is of no product.
    fileprivate init?(role: String) {
        let words = role.split(separator: "-", maxSplits: 1)
        guard words.count == 2, let environment = try? EnvironmentName(String(words[0])),
            let product = try? ProductName(String(words[1]))
        else { return nil }
        self.init(product: product, environment: ApprovalPlace(environment).environment)
    }
}

extension RouteRequest {
    /// What the caller has been let in for, asked again of one object.
    func covers(_ permission: Permission, _ object: ScopedObject) -> Bool {
        guard case .person(let person) = caller else { return false }
        return person.may(permission, on: object)
    }

    func require(_ permission: Permission, on object: ScopedObject) throws {
        guard covers(permission, object) else { throw ControllerError.outOfScope(actor, permission) }
    }
}

extension ControllerError {
    static func outOfScope(_ who: String, _ permission: Permission) -> ControllerError {
        .forbidden(
            "scope", "\(who) has the permission \(permission.rawValue), but not here.",
            remedy: "See slipway grants list; an administrator can add one for this place.")
    }
}

extension Controller {
    // MARK: what a person may see

    func hostViews(for person: PersonRecord) -> [HostView] {
        hostViews(of: state.hostsInOrder.filter { person.may(.view, on: ScopedObject($0)) })
    }

    func rolloutViews(for person: PersonRecord) -> [RolloutView] {
        rolloutViews().filter { sees(person, $0.id) }
    }

    /// What `RouteScope.rolloutInFuture` asks, before it is asked.
    func mayDeploy(_ person: PersonRecord, _ id: RolloutID) -> Bool {
        if person.mayEverywhere(.deploy) { return true }
        guard let record = state.rollouts[id], let definition = record.plan?.definition else { return false }
        let later = laterHosts(definition.release.product, definition.environment, matching: definition.hosts)
        return (scopedObjects(of: record) + [later]).allSatisfy { person.may(.deploy, on: $0) }
    }

    func sees(_ person: PersonRecord, _ id: RolloutID) -> Bool {
        if person.mayEverywhere(.view) { return true }
        guard let record = state.rollouts[id], record.plan != nil else { return false }
        return scopedObjects(of: record).allSatisfy { person.may(.view, on: $0) }
    }
}
