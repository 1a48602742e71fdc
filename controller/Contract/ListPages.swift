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
        Responses.json(try page(of: items, limit: request.query("limit"), after: request.query("after"), key: key))
    }

    static func page<Item: Codable & Sendable>(
        of items: [Item], limit: String?, after: String?, key: (Item) -> String
    ) throws -> ListView<Item> {
        var start = 0
        if let after {
            guard let position = items.firstIndex(where: { key($0) == after }) else {
                throw ControllerError.badRequest(
                    "page", "There is nothing named \(after.debugDescription) in this list, to go on after it.",
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
        return ListView(items: page, next: hasMore ? page.last.map(key) : nil)
    }
}
