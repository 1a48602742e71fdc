import AgentProtocol
import FoundationEssentials
import Hummingbird
import NIOCore
import ReleaseDefinition
import Synchronization

/// One row of the route table: what it answers to, who may call it, how large its body may be, what it does.
public struct Route: Sendable {
    public var method: HTTPRequest.Method
    /// `/v1/hosts/{id}`; a last component `**` stands for the rest of the path.
    public var path: String
    /// nil keeps the server from starting: access is decided row by row, never by default.
    public var access: RouteAccess?
    /// Where the permission must hold. What is not said is the strictest: everywhere.
    public var scope: RouteScope
    public var bodySizeMax: ByteCount
    /// nil: no form of the console.
    var form: RouteForm?
    public var respond: @Sendable (RouteRequest) async throws -> Response

    public static let bodySizeMaxByDefault = ByteCount(1 << 20)

    public init(
        _ method: HTTPRequest.Method, _ path: String, access: RouteAccess?, scope: RouteScope = .everything,
        bodySizeMax: ByteCount = Route.bodySizeMaxByDefault,
        respond: @escaping @Sendable (RouteRequest) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.scope = scope
        self.bodySizeMax = bodySizeMax
        self.respond = respond
    }
}

/// A request whose caller is known and allowed.
public struct RouteRequest: Sendable {
    public var request: Request
    public var caller: Caller
    /// By the names in the route's path; `**` under that name.
    public var parameters: [String: String]
    public var bodySizeMax: ByteCount
    let pace: BodyPace
    /// When its connection is.
    let closed: EventLoopFuture<Void>
    private var read = RequestBody()
    /// Its body is ours, whatever its header says.
    private var isTranslated = false
    /// Of a form of the console: the same page, act and words are the same act.
    private(set) var once: SHA256Digest?

    init(
        request: Request, caller: Caller, parameters: [String: String], bodySizeMax: ByteCount, pace: BodyPace,
        closed: EventLoopFuture<Void>
    ) {
        self.request = request
        self.caller = caller
        self.parameters = parameters
        self.bodySizeMax = bodySizeMax
        self.pace = pace
        self.closed = closed
    }

    /// The audit log's word for the caller.
    public var actor: String { caller.actor }

    /// - Throws: a 404 rather than a parse error, because such a name cannot exist.
    public func parameter<Name: CheckedName>(_ name: String, as type: Name.Type) throws -> Name {
        let text = parameters[name] ?? ""
        do { return try Name(text) } catch { throw ControllerError.notFound("\(Name.what) \(text.debugDescription)") }
    }

    public func query(_ name: String) -> String? {
        request.uri.queryParameters[Substring(name)].map(String.init)
    }

    /// - Throws: `controller.request.number`.
    func number(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = query(name) else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw ControllerError.badRequest(
                "number",
                "\(name)=\(text.bounded(40).debugDescription) is not a number from \(range.lowerBound) to \(range.upperBound).",
                remedy: "Give such a number, or leave it out.")
        }
        return number
    }

    public func header(_ name: String) -> String? {
        HTTPFields.Element.Name(name).flatMap { request.headers[$0] }
    }

    /// The whole body, bounded; the same as often as it is asked for.
    public func body() async throws -> [UInt8] {
        if let bytes = read.bytes { return bytes }
        var bytes: [UInt8] = []
        try await readBody { bytes += $0.readableBytesView }
        read.keep(bytes)
        return bytes
    }

    /// The same with another body.
    /// - Parameter once: what another request must not say again; nil: it may.
    func standing(for body: JSONValue, once: SHA256Digest? = nil) -> RouteRequest {
        var other = self
        other.once = once
        other.isTranslated = true
        other.read = RequestBody()
        other.read.keep(body.wireBytes)
        return other
    }

    /// The body as strict JSON. Who does not say what it is means that.
    public func json<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        let said = isTranslated ? nil : header("Content-Type")
        let media = said?.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace }
        guard media == nil || media == "application/json" else {
            throw ControllerError(
                .unsupportedMediaType, code: "request.mediaType",
                summary: "The body is \((media ?? "").bounded(80)), expected is application/json.",
                remedy: "Send JSON, with Content-Type: application/json.")
        }
        do {
            return try JSONCoding.decode(type, from: try await body())
        } catch let error as DefinitionError {
            var refusal = ControllerError.badRequest(
                "body", "The body cannot be read as \(type).", remedy: error.remedy, cause: error.summary)
            let faults = BodyFaults.all(try await body(), as: type, first: error)
            if !faults.isEmpty { refusal.faults = faults }
            throw refusal
        }
    }
}

/// A body that was read: its route's scope asks before its handler does.
private final class RequestBody: Sendable {
    private let kept = Mutex<[UInt8]?>(nil)

    var bytes: [UInt8]? { kept.withLock { $0 } }
    func keep(_ bytes: [UInt8]) { kept.withLock { $0 = bytes } }
}

/// Every route there is. Matching is by exact components, so nothing is reachable that is not a row.
public struct RouteTable: Sendable {
    public enum Match: Sendable {
        case found(Route, parameters: [String: String])
        case otherMethods([String])
        case none

        var route: Route? { if case .found(let route, _) = self { route } else { nil } }
    }

    public let routes: [Route]
    private let components: [[Substring]]
    /// Positions in `routes`, by what a path begins with; below `/v1` by what follows it.
    private let positions: [Substring: [Int]]

    /// - Throws: `controller.setup.routeWithoutPermission`, `controller.setup.routeTwice`.
    public init(_ routes: [Route]) throws {
        var seen: Set<String> = []
        for route in routes {
            guard route.access != nil else {
                throw ControllerError.setup(
                    "routeWithoutPermission", "The route \(route.method) \(route.path) names no permission.",
                    remedy: "This is a defect of Slipway: every row of the route table says who may call it.")
            }
            guard seen.insert("\(route.method) \(route.path)").inserted else {
                throw ControllerError.setup(
                    "routeTwice", "The route \(route.method) \(route.path) stands twice in the table.",
                    remedy: "This is a defect of Slipway: every row of the route table stands once.")
            }
        }
        self.routes = routes
        let components = routes.map { Self.components(of: $0.path) }
        self.components = components
        positions = Dictionary(grouping: components.indices) { Self.beginning(of: components[$0]) }
    }

    /// `path` is still percent-encoded; each component is decoded on its own, so that an encoded slash stays inside it.
    public func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
        let wanted = Self.components(of: path)
        var others: [(method: HTTPRequest.Method, parameters: Int)] = []
        for position in positions[Self.beginning(of: wanted)] ?? [] {
            guard let parameters = Self.parameters(components[position], wanted) else { continue }
            if routes[position].method == method { return .found(routes[position], parameters: parameters) }
            others.append((routes[position].method, parameters.count))
        }
        // `/v1/rollouts/plans` is more itself than it is `/v1/rollouts/{id}`.
        let fewest = others.map(\.parameters).min()
        let methods = others.filter { $0.parameters == fewest }.map(\.method)
        guard !methods.isEmpty else { return .none }
        // Whatever is answered to GET is to HEAD.
        return .otherMethods(methods.map(\.rawValue) + (methods.contains(.get) ? ["HEAD"] : []))
    }

    private static func components(of path: String) -> [Substring] {
        path.split(separator: "/", omittingEmptySubsequences: true)
    }

    /// No route has a parameter there.
    private static func beginning(of components: [Substring]) -> Substring {
        components.count > 1 && components[0] == "v1" ? components[1] : components.first ?? ""
    }

    private static func parameters(_ pattern: [Substring], _ path: [Substring]) -> [String: String]? {
        var parameters: [String: String] = [:]
        for (position, component) in pattern.enumerated() {
            if component == "**" {
                parameters["**"] = path[position...].joined(separator: "/")
                return path.count > position ? parameters : nil
            }
            guard position < path.count else { return nil }
            if component.hasPrefix("{") {
                guard let decoded = path[position].removingPercentEncoding, !decoded.isEmpty else { return nil }
                parameters[String(component.dropFirst().dropLast())] = decoded
            } else if component != path[position] {
                return nil
            }
        }
        return pattern.count == path.count ? parameters : nil
    }
}
