import AgentProtocol
import ControllerAPI
import Hummingbird
import ReleaseDefinition

/// The log page by page: `?after=` a number of an entry, the oldest first; `?before=` one, the newest first; `?after=` a cursor
/// goes on in the direction that the page before had.
struct AuditPages {
    private static let limitByDefault: Int64 = 100
    private static let numbers: ClosedRange<Int64> = 0...Int64.max

    var after: Int64 = 0
    var before: Int64?
    let limit: Int

    /// - Throws: `controller.request.number`, `controller.request.page`.
    init(_ request: RouteRequest) throws {
        limit = Int(try request.number("limit", in: 1...Int64(ListPages.limitMax)) ?? Self.limitByDefault)
        // Whoever read on by `before` before there were cursors gives one of these there.
        let list = request.request.uri.path
        let isCursor = request.query("before").map { ListCursor($0, list: list) != nil } ?? false
        before = isCursor ? nil : try request.number("before", in: 1...Int64.max)
        guard let text = request.query(isCursor ? "before" : "after") else { return }
        if let cursor = ListCursor(text, list: list) {
            let words = cursor.key.split(separator: " ").compactMap { Int64($0) }
            guard let place = words.first else { return }
            if cursor.key.hasSuffix(Self.backwards) {
                // The other end of what was asked for at first.
                (before, after) = (place, words.last ?? 0)
            } else {
                after = place
            }
            return
        }
        guard let number = Int64(text), Self.numbers.contains(number) else {
            throw ControllerError.badRequest(
                "page", "\(text.bounded(200).debugDescription) is no cursor of this list, and no number of an entry.",
                remedy: "Take next of the page before, or begin again without after.")
        }
        after = number
    }

    private static let backwards = " back"

    /// - Parameter entries: up to one more than the limit, which tells whether there is more.
    func respond(_ entries: [AuditEntryView], to request: RouteRequest) -> Response {
        let page = Array(entries.prefix(limit))
        let key = page.last.map { before == nil ? "\($0.sequence)" : "\($0.sequence) \(after)\(Self.backwards)" }
        let next = entries.count > limit ? key : nil
        return ListPages.respond(
            ListView(items: page, next: next.map { ListCursor(list: request.request.uri.path, key: $0).text }),
            to: request)
    }
}
