import AgentProtocol
import ControllerAPI
import Hummingbird
import Logging
import ReleaseDefinition

/// From a request to its row of the table, in this order: route, access, size, act. Whatever is thrown becomes a problem
/// document; nothing is thrown on to Hummingbird.
struct ControllerResponder: HTTPResponder {
    let table: RouteTable
    let controller: Controller

    func respond(to request: Request, context: ControllerContext) async throws -> Response {
        var caller = Caller.anyone
        do {
            return try await answer(request, context, &caller)
        } catch {
            return problem(error, request, caller)
        }
    }

    private func answer(
        _ request: Request, _ context: ControllerContext, _ caller: inout Caller
    ) async throws -> Response {
        let isHead = request.method == .head
        switch table.match(isHead ? .get : request.method, request.uri.path) {
        case .found(let route, let parameters):
            caller = try await admit(request, context, route)
            if let length = request.headers[.contentLength].flatMap({ Int64($0) }), length > route.bodySizeMax.value {
                throw ControllerError(
                    .contentTooLarge, code: "request.bodyTooLarge",
                    summary: "The body has \(ByteCount(length)), at most \(route.bodySizeMax) are taken here.",
                    remedy: "Send a smaller body.")
            }
            let response = try await route.respond(
                RouteRequest(
                    request: request, caller: caller, parameters: parameters, bodySizeMax: route.bodySizeMax))
            return isHead ? response.createHeadResponse() : response
        case .otherMethods(let methods):
            throw ControllerError(
                .methodNotAllowed, code: "request.method",
                summary: "\(request.uri.path) takes \(methods.joined(separator: ", ")), not \(request.method).",
                remedy: "Use one of the methods named.")
        case .none: throw ControllerError.notFound("resource \(request.uri.path)")
        }
    }

    private func admit(_ request: Request, _ context: ControllerContext, _ route: Route) async throws -> Caller {
        switch route.access {
        case .anyone: return .anyone
        case .host:
            guard let certificate = await context.peerCertificate() else {
                throw ControllerError.unauthorized(
                    "noCertificate", "This route is for hosts, and the connection showed no certificate.",
                    remedy: "Join the host with slipway-agent join; people use the other routes.")
            }
            let session = HTTPFields.Element.Name(AgentSession.headerName).flatMap { request.headers[$0] }
                .flatMap(AgentSession.init(headerValue:))
            return .host(try await controller.admit(certificate: certificate, session: session))
        case .person(let permission):
            let person = try await person(request)
            guard person.may(permission) else {
                throw ControllerError.forbidden(
                    "permission", "\(person.name) may not do this: the permission \(permission.rawValue) is missing.",
                    remedy: "Ask an administrator for a permission set that holds it.")
            }
            return .person(person)
        case nil:
            throw ControllerError.forbidden(
                "route", "This route names no permission, so nobody may use it.", remedy: "Report this as a defect.")
        }
    }

    private func person(_ request: Request) async throws -> PersonRecord {
        if let header = request.headers[.authorization] {
            let words = header.split(separator: " ")
            if words.count == 2, words[0].lowercased() == "bearer",
                let person = await controller.person(token: String(words[1]))
            {
                return person
            }
            throw ControllerError.unauthorized(
                "token", "The token is not one of this controller's, or has expired.",
                remedy: "Log in again with slipway login, or use the token file in the controller's folder.")
        }
        // A browser sends the cookie along for pages on other ports of this machine, so a session may look and nothing
        // else; what changes something needs the token itself.
        if request.method == .get || request.method == .head, let cookie = request.headers[.cookie],
            let name = controller.sessions.person(cookieHeader: cookie),
            let person = await controller.person(named: name)
        {
            return person
        }
        throw ControllerError.unauthorized(
            "noToken", "This needs a person's token.", remedy: "Send it as Authorization: Bearer TOKEN.")
    }

    private func problem(_ error: any Error, _ request: Request, _ caller: Caller) -> Response {
        let status: HTTPResponse.Status
        let reported: any ReportableError
        switch error {
        case let error as ControllerError: (status, reported) = (error.status, error)
        case let error as any ReportableError:
            // The other modules' errors say who acts by their family: what the caller sent, or what we are.
            (status, reported) = (ErrorStatus.status(of: error), error)
        default: (status, reported) = (.internalServerError, ReportedError(error))
        }
        var problem = Problem(status: status.code, error: reported)
        if status.code >= 500 {
            let number = Hexadecimal.encode(controller.random.bytes(8))
            controller.logger.error(
                "\(reported)", metadata: ["path": "\(request.uri.path)", "request": "\(number)"])
            problem = problem.withoutDetails(request: number, for: caller)
        }
        var response = Responses.json(problem, status: status)
        response.headers[.contentType] = Problem.mediaType
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }
}

extension Problem {
    /// What is wrong inside holds paths and names that are nobody's business but of those who run the controller; others
    /// get the code, and the number under which its log has the rest.
    fileprivate func withoutDetails(request number: String, for caller: Caller) -> Problem {
        var problem = self
        problem.request = number
        if case .person(let person) = caller, person.may(.administer) { return problem }
        problem.detail = "The controller failed with \(code)."
        problem.remedy = "Its log has the details under the request \(number); ask whoever runs it."
        problem.cause = nil
        return problem
    }
}

/// What an error of another module means to an HTTP caller.
enum ErrorStatus {
    static func status(of error: any ReportableError) -> HTTPResponse.Status {
        let family = error.code.split(separator: ".").first.map(String.init) ?? ""
        switch family {
        case "definition", "definitionFiles", "packaging": return .unprocessableContent
        case "trust": return error.code.hasPrefix("trust.writer.") ? .conflict : .internalServerError
        case "rollout":
            let isOfOthers = ["rollout.plan.conflict", "rollout.plan.precedence"].contains(error.code)
            return error.code.hasPrefix("rollout.plan.") && !isOfOthers ? .unprocessableContent : .conflict
        case "effects":
            // A limit that the sender's archive hit is the sender's; a disk that is full is ours.
            return .internalServerError
        default: return .internalServerError
        }
    }
}
