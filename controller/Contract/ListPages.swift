import AgentProtocol
import ControllerAPI
import Hummingbird

/// `?limit=`, `?after=` of lists that grow with the fleet. Who does not say how many it wants gets all.
enum ListPages {
    static let limitMax = 1000

    /// - Parameters:
    ///   - items: in an order that does not change; what is new comes to one of its ends.
    ///   - key: unique.
    /// - Throws: `controller.request.page`.
    static func respond<Item: Codable & Sendable>(
        _ items: [Item], to request: RouteRequest, key: (Item) -> String
    ) throws -> Response {
        let path = request.request.uri.path
        return respond(
            try page(of: items, in: path, limit: request.query("limit"), after: request.query("after"), key: key),
            to: request)
    }

    /// With `Link: <…>; rel="next"` (RFC 8288) where there are more.
    static func respond<Item: Codable & Sendable>(_ page: ListView<Item>, to request: RouteRequest) -> Response {
        var response = Responses.json(page)
        let uri = request.request.uri
        if let next = page.next, let link = HTTPFields.Element.Name("Link") {
            response.headers[link] = "<\(address(of: next, uri.path, uri.query))>; rel=\"next\""
        }
        return response
    }

    /// The same question, going on after a cursor: a reference that is relative to the controller, whatever stands before it.
    static func address(of next: String, _ path: String, _ query: String?) -> String {
        let kept = (query ?? "").split(separator: "&").filter {
            !["after", "before"].contains($0.prefix { $0 != "=" })
        }
        let words = kept.map { $0.replacing("<", with: "%3C").replacing(">", with: "%3E") } + ["after=\(next)"]
        return "\(path)?\(words.joined(separator: "&"))"
    }

    static func page<Item: Codable & Sendable>(
        of items: [Item], in list: String, limit: String?, after: String?, key: (Item) -> String
    ) throws -> ListView<Item> {
        var start = 0
        if let after {
            // A cursor; and what cursors were before they were opaque, the bare key, which is never mistaken for one.
            let last = ListCursor(after, list: list)?.key ?? after
            guard let position = items.firstIndex(where: { key($0) == last }) else {
                throw ControllerError.badRequest(
                    "page",
                    "\(after.bounded(200).debugDescription) is no cursor of this list, or what it stood at is gone.",
                    remedy: "Take next of the page before, or begin again without after.")
            }
            start = position + 1
        }
        guard let limit else { return ListView(items: Array(items[start...])) }
        guard let count = Int(limit), (1...limitMax).contains(count) else {
            throw ControllerError.badRequest(
                "page", "The limit \(limit.debugDescription) is not a number from 1 to \(limitMax).",
                remedy: "Ask for fewer at once, and for the rest with after.")
        }
        let page = Array(items[start...].prefix(count))
        let hasMore = start + page.count < items.count
        return ListView(
            items: page, next: hasMore ? page.last.map { ListCursor(list: list, key: key($0)).text } : nil)
    }
}
