import Hummingbird
import ReleaseDefinition

/// `If-Match` (RFC 9110 13.1.1): what is changed is still what the caller looked at. Who does not send it changes what is there.
struct ChangeCondition: Sendable, Equatable {
    /// nil: it is not asked.
    private let tags: [String]?

    init(tags: [String]?) { self.tags = tags }

    /// - Throws: `controller.request.ifMatch`.
    init(_ request: RouteRequest) throws {
        let tags = request.request.headers[.ifMatch]?.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingPrefix { $0.isWhitespace }.description.trimmingSuffix
        }
        if let bad = tags?.first(where: { !Self.isTag($0) }) {
            throw ControllerError.badRequest(
                "ifMatch", "If-Match holds \(bad.bounded(200).debugDescription), which is no entity tag.",
                remedy: "Send the ETag of the GET as it came, in its quotes; or leave the header out.")
        }
        self.init(tags: tags)
    }

    private static func isTag(_ text: String) -> Bool {
        let tag = text.hasPrefix("W/") ? text.dropFirst(2) : Substring(text)
        return text == "*" || tag.utf8.count >= 2 && tag.hasPrefix("\"") && tag.hasSuffix("\"")
    }

    var isAsked: Bool { tags != nil }

    /// A condition that nobody can hold is not passed over.
    /// - Throws: `controller.request.ifMatch`.
    func refuse(_ route: Route) throws {
        guard isAsked else { return }
        throw ControllerError.badRequest(
            "ifMatch", "\(route.path) changes nothing that a GET shows with an ETag: If-Match cannot be held there.",
            remedy: "Leave the header out. Nothing was changed.")
    }

    /// - Parameter tag: as GET shows it; nil: there is none yet.
    /// - Throws: `controller.conflict.changed` (412).
    func check(_ tag: String?) throws {
        guard let tags else { return }
        if let tag, tags.contains("*") || tags.contains(tag) { return }
        throw ControllerError(
            .preconditionFailed, code: "conflict.changed",
            summary: "It is \(tag ?? "not there") now, and If-Match says \(tags.joined(separator: ", ").bounded(200)).",
            remedy: "Somebody changed it meanwhile: look at it again, then decide.")
    }
}

extension String {
    fileprivate var trimmingSuffix: String {
        var text = Substring(self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
