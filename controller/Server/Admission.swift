import AgentProtocol
import Hummingbird
import ReleaseDefinition

/// Whether a request is let in: rate, identity, permission, scope, and the log's word on it, in this order.
struct Admission: Sendable {
    let controller: Controller
    let waiting: WaitingConnections
    /// How it came.
    let context: ControllerContext

    /// Where it comes from, as rates count it.
    private var address: String { RateLimits.key(address: context.address) }

    /// Who it is, and whether it may call this route anywhere.
    func admit(_ request: Request, _ route: Route) async throws -> Caller {
        let now = controller.time.now()
        // Before any work on a credential: guessing costs us nothing. A host has proved its key to TLS already, and is not
        // held up by a guesser behind the same address; nor is a person whose token or session we know by a look.
        if route.isLimited, route.access != .host, let wait = controller.limits.look(.refusals(address), at: now),
            try await !isKnown(request, route)
        {
            throw ControllerError.tooMany(wait)
        }
        switch route.access {
        case .anyone:
            if route.isLimited { try controller.limits.check(.address(address), at: now) }
            return .anyone
        case .host:
            guard let certificate = await waiting.peerCertificate(of: context) else {
                throw ControllerError.unauthorized(
                    "noCertificate", "This route is for hosts, and the connection showed no certificate.",
                    remedy: "Join the host with slipway-agent join; people use the other routes.")
            }
            let session = HTTPFields.Element.Name(AgentSession.headerName).flatMap { request.headers[$0] }
                .flatMap(AgentSession.init(headerValue:))
            let host: HostID
            if let known = controller.gate.host(certificate, session, at: now) {
                host = known
            } else {
                host = try await offLoop { try await controller.admit(certificate: certificate, session: session) }
            }
            try controller.limits.check(.host(host), at: now)
            return .host(host)
        case .person(let permission):
            let person = try await route.form == nil ? person(request) : person(posting: request)
            try controller.limits.check(.person(person.name), at: now)
            if route.form != nil {
                try await noting(request, route, [:], person) { try ConsoleForm.requireOwnPage(request) }
            }
            guard person.may(permission) else {
                let error = ControllerError.forbidden(
                    "permission", "\(person.name) may not do this: the permission \(permission.rawValue) is missing.",
                    remedy: "Ask an administrator for a permission set that holds it: slipway grants add.")
                try await note(request, route, [:], person, error)
                throw error
            }
            return .person(person)
        case nil:
            throw ControllerError.forbidden(
                "route", "This route names no permission, so nobody may use it.", remedy: "Report this as a defect.")
        }
    }

    /// Whether the permission holds here; and writes down what a person is about to do.
    func allow(_ request: RouteRequest, _ route: Route) async throws {
        guard case .person(let permission) = route.access, case .person(let person) = request.caller else { return }
        if !person.mayEverywhere(permission), try await !covers(request, route, permission, person) {
            let error = ControllerError.outOfScope(person.name, permission)
            try await note(request.request, route, request.parameters, person, error)
            throw error
        }
        try await note(request.request, route, request.parameters, person, nil)
    }

    private func covers(
        _ request: RouteRequest, _ route: Route, _ permission: Permission, _ person: PersonRecord
    ) async throws -> Bool {
        switch route.scope {
        case .everything: return false
        case .shown: return true
        case .objects(_, let find):
            let objects = try await find(request, controller)
            return !objects.isEmpty && objects.allSatisfy { person.may(permission, on: $0) }
        }
    }

    /// A form that a page of ours did not send is somebody's attempt in the person's name: the log has it.
    func noting(
        _ request: Request, _ route: Route, _ parameters: [String: String], _ person: PersonRecord,
        _ check: () throws -> Void
    ) async throws {
        do { try check() } catch let error as ControllerError {
            try await note(request, route, parameters, person, error)
            throw error
        }
    }

    /// Looking leaves no trace.
    private func note(
        _ request: Request, _ route: Route, _ parameters: [String: String], _ person: PersonRecord,
        _ error: ControllerError?
    ) async throws {
        guard request.method != .get, request.method != .head else { return }
        let act = PersonActed(
            request: Hexadecimal.encode(controller.random.bytes(8)),
            route: "\(route.method) \(route.form?.act ?? route.path)",
            parameters: parameters.mapValues { $0.bounded(800) }, decision: error == nil ? .allowed : .refused,
            reason: error?.code, identity: person.identity)
        try await controller.note(act, by: person)
    }

    /// Counts what a route itself refuses as a wrong credential: a join token, a proof, a token typed into the form.
    func watching(_ route: Route, _ respond: () async throws -> Response) async throws -> Response {
        guard route.isLimited, case .anyone = route.access else { return try await respond() }
        do {
            let response = try await respond()
            if response.status == .unauthorized { countRefusal() }
            return response
        } catch let error as ControllerError where error.status == .unauthorized {
            countRefusal()
            throw error
        }
    }

    /// Whether it shows a token of ours or a session, each of 256 bits: one digest and one look, and no signature of an issuer's.
    private func isKnown(_ request: Request, _ route: Route) async throws -> Bool {
        guard case .person = route.access else { return false }
        if let token = Self.bearer(request) {
            guard !UnverifiedIdentityToken.isOne(token) else { return false }
            return (try? await controller.person(bearer: token)) != nil
        }
        guard let cookie = request.headers[.cookie] else { return false }
        return controller.sessions.credential(cookieHeader: cookie) != nil
    }

    private static func bearer(_ request: Request) -> String? {
        let words = request.headers[.authorization]?.split(separator: " ") ?? []
        return words.count == 2 && words[0].lowercased() == "bearer" ? String(words[1]) : nil
    }

    private func countRefusal() { _ = controller.limits.take(.refusals(address), at: controller.time.now()) }

    private func person(_ request: Request) async throws -> PersonRecord {
        if let header = request.headers[.authorization] {
            do {
                if let token = Self.bearer(request), let person = try await controller.person(bearer: token) {
                    return person
                }
            } catch {
                countRefusal()
                throw error
            }
            countRefusal()
            throw await controller.refusal(ofToken: header.split(separator: " ").last.map(String.init) ?? "")
        }
        // A browser sends the cookie along for pages on other ports of this machine, so a session may look and nothing
        // else; what changes something needs the token itself.
        if request.method == .get || request.method == .head, let cookie = request.headers[.cookie],
            let credential = controller.sessions.credential(cookieHeader: cookie),
            let person = try await controller.person(of: credential)
        {
            return person
        }
        throw ControllerError.unauthorized(
            "noToken", "This needs a person's token.", remedy: "Send it as Authorization: Bearer TOKEN.")
    }
}

extension Route {
    /// What costs no work on a credential and is read by whole fleets is served as any web server would.
    var isLimited: Bool {
        // A browser that comes back with a code makes us ask its issuer.
        if case .anyone = access { return method != .get || path.hasPrefix(ConsoleSignIn.path) }
        return true
    }

    var isOfPeople: Bool { if case .person = access { true } else { false } }

    private static let briefBody = 64 << 10
    private static let briefPaths: Set = ["/livez", "/repository/**", "/v1/agent/reports", AgentStream.path]

    /// What hosts ask all day is answered on the loop of its connection: it waits for nothing but the actor and the disk's
    /// flush. Both are elsewhere only where they are called from elsewhere (`offLoop`): an actor runs where its caller does. A
    /// host's longest batches take their time to read.
    func isBrief(_ request: Request) -> Bool {
        guard Self.briefPaths.contains(path) else { return false }
        guard method == .post else { return true }
        return request.headers[.contentLength].flatMap { Int($0) }.map { $0 <= Self.briefBody } == true
    }
}
