import AgentProtocol
import ControllerAPI
import DefinitionFiles
import Hummingbird
import Logging
import ReleaseDefinition

/// From a request to its row of the table, in this order: route, access, size, act. Whatever is thrown becomes a problem
/// document; nothing is thrown on to Hummingbird.
struct ControllerResponder: HTTPResponder {
    let table: RouteTable
    let controller: Controller
    let pace: BodyPace
    let waiting: WaitingConnections
    private static let shortBody = 16 << 10

    init(table: RouteTable, controller: Controller, pace: BodyPace, waiting: WaitingConnections) {
        (self.table, self.controller, self.pace, self.waiting) = (table, controller, pace, waiting)
    }

    func respond(to request: Request, context: ControllerContext) async throws -> Response {
        var known = context
        if let named = waiting.named(context.channel) { known.address = named }
        let context = known
        // A task keeps what its deepest call once needed: one that holds a stream open for weeks begins with little of that.
        guard request.uri.path == AgentStream.path else { return await counted(request, context) }
        return await Task { await counted(request, context) }.value
    }

    private func counted(_ request: Request, _ context: ControllerContext) async -> Response {
        let started = ContinuousClock.now
        let match = table.match(request.method == .head ? .get : request.method, request.uri.path)
        var response =
            if match.route?.isBrief(request) == true {
                await answer(request, context, match)
            } else {
                await elsewhere(match.route?.isOfPeople == true) { await answer(request, context, match) }
            }
        controller.metrics.noteRequest(
            request.method, match.route, status: response.status.code, took: ContinuousClock.now - started,
            isStream: response.headers[.contentType] == Responses.eventStream)
        // A short one goes out in one piece: head, body and end in one record of TLS.
        if match.route?.path != AgentStream.path, response.body.contentLength.map({ $0 > Self.shortBody }) ?? true {
            response.body = response.body.paced(by: context.channel.eventLoop)
        }
        return response
    }

    /// People's requests have their turn before what thousands of hosts say, wherever both wait.
    private func elsewhere(
        _ isOfPeople: Bool, _ answer: @escaping @Sendable () async -> Response
    ) async -> Response {
        guard isOfPeople else { return await offLoop { await answer() } }
        let task = Task(priority: Controller.peoplePriority) { await answer() }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func answer(
        _ request: Request, _ context: ControllerContext, _ match: RouteTable.Match
    ) async -> Response {
        var caller = Caller.anyone
        do {
            return try await answer(request, context, match, &caller)
        } catch {
            let problem = described(error, request, caller)
            guard case .found(let route, let parameters) = match, let form = route.form else {
                return respond(problem, error)
            }
            let refused = RouteRequest(
                request: request, caller: caller, parameters: parameters, bodySizeMax: route.bodySizeMax, pace: pace,
                closed: context.channel.closeFuture)
            var response = await form.refused(refused, problem)
            response.headers[.retryAfter] = Self.retryAfter(error)
            return response
        }
    }

    private func answer(
        _ request: Request, _ context: ControllerContext, _ match: RouteTable.Match, _ caller: inout Caller
    ) async throws -> Response {
        let isHead = request.method == .head
        switch match {
        case .found(let route, let parameters):
            let admission = Admission(controller: controller, waiting: waiting, context: context)
            caller = try await controller.deciding { try await admission.admit(request, route) }
            try waiting.admit(caller, on: context.channel)
            if let length = request.headers[.contentLength].flatMap({ Int64($0) }), length > route.bodySizeMax.value {
                throw ControllerError(
                    .contentTooLarge, code: "request.bodyTooLarge",
                    summary: "The body has \(ByteCount(length)), at most \(route.bodySizeMax) are taken here.",
                    remedy: "Send a smaller body.")
            }
            let wanted = try await admission.translated(
                RouteRequest(
                    request: request, caller: caller, parameters: parameters, bodySizeMax: route.bodySizeMax,
                    pace: pace, closed: context.channel.closeFuture), route)
            try await controller.deciding { try await admission.allow(wanted, route) }
            let response = try await controller.idempotencyKeys.answer(wanted, route, at: controller) { kept in
                try await onTerms(wanted, route, kept) {
                    try await controller.deciding {
                        try await admission.watching(route) { try await route.respond(wanted) }
                    }
                }
            }
            return isHead ? response.createHeadResponse() : Responses.unlessKnown(response, to: request)
        case .otherMethods(let methods):
            let allowed = methods.joined(separator: ", ")
            let error = ControllerError(
                .methodNotAllowed, code: "request.method",
                summary: "\(request.uri.path) takes \(allowed), not \(request.method).",
                remedy: "Use one of the methods named.")
            var response = respond(described(error, request, caller), error)
            response.headers[.allow] = allowed
            return response
        case .none: throw ControllerError.notFound("resource \(request.uri.path)")
        }
    }

    /// With what the caller tied to the change.
    private func onTerms(
        _ request: RouteRequest, _ route: Route, _ kept: KeptRequest?, _ respond: () async throws -> Response
    ) async throws -> Response {
        let condition = try ChangeCondition(request)
        guard kept != nil || condition.isAsked else { return try await respond() }
        let shown = try ChangedThings.shown(request, by: route)
        if shown == nil, route.method != .get { try condition.refuse(route) }
        let terms = ChangeTerms(condition, shown: shown, request: kept)
        defer { terms.close() }
        try await controller.check(terms)
        return try await ChangeTerms.$current.withValue(terms) { try await respond() }
    }

    private func described(_ error: any Error, _ request: Request, _ caller: Caller) -> Problem {
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
        problem.errors = (error as? ControllerError)?.faults ?? (error as? DefinitionProblems)?.faults
        if status.code >= 500, reported.code != ControllerError.providerCode {
            let number = Hexadecimal.encode(controller.random.bytes(8))
            controller.logger.error(
                "\(reported)", metadata: ["path": "\(request.uri.path)", "request": "\(number)"])
            // That there is no room is said with nothing of what is inside, and with what the caller can do.
            if status.code != 507 { problem = problem.withoutDetails(request: number, for: caller) }
        }
        return problem
    }

    /// Whole seconds; nil: nobody knows when it would be taken.
    private static func retryAfter(_ error: any Error) -> String? {
        (error as? ControllerError)?.retryAfter.map { String(max(1, ($0.milliseconds + 999) / 1000)) }
    }

    private func respond(_ problem: Problem, _ error: any Error) -> Response {
        var response = Responses.json(problem, status: HTTPResponse.Status(code: problem.status))
        response.headers[.contentType] = Problem.mediaType
        response.headers[.retryAfter] = Self.retryAfter(error)
        if response.status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
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
        (problem.cause, problem.errors) = (nil, nil)
        return problem
    }
}

/// What an error of another module means to an HTTP caller.
enum ErrorStatus {
    static func status(of error: any ReportableError) -> HTTPResponse.Status {
        let family = error.code.split(separator: ".").first.map(String.init) ?? ""
        switch family {
        case "definition", "definitionFiles", "packaging": return .unprocessableContent
        case "foreignArchives":
            return error.code == "foreignArchives.library" ? .internalServerError : .unprocessableContent
        case "trust": return error.code.hasPrefix("trust.writer.") ? .conflict : .internalServerError
        case "rollout":
            let isOfOthers = ["rollout.plan.conflict", "rollout.plan.precedence"].contains(error.code)
            return error.code.hasPrefix("rollout.plan.") && !isOfOthers ? .unprocessableContent : .conflict
        case "lifecycle":
            // What is missing comes with time or people; what does not fit the package never does.
            if error.code.hasPrefix("lifecycle.evidence.") { return .unprocessableContent }
            return error.code.hasSuffix(".refused") ? .init(code: 423) : .conflict
        default: return .internalServerError
        }
    }
}
