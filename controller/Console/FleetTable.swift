import ControllerAPI
import ReleaseDefinition

/// Every host with what it should run and what it does run; those that are not as they should be first.
struct FleetTable {
    static let rowsMax = 500
    /// Of more than that so many: whoever looks for one has the field above.
    static let rowsOfMany = 150

    let hosts: [HostView]
    var filter = HostFilter()

    var model: [String: Any] {
        let hosts = hosts.filter { filter.query.matches(id: $0.id, labels: $0.labels) }
        let ranked = hosts.map { (rank: Self.rank($0), host: $0) }
            .sorted { ($0.rank, $0.host.id) < ($1.rank, $1.host.id) }
        let rowsMax = ranked.count > Self.rowsMax ? Self.rowsOfMany : Self.rowsMax
        let asWanted = hosts.count { Self.rank($0) == 3 }
        let online = hosts.count { $0.contact == .online }
        return [
            "hasHosts": !self.hosts.isEmpty,
            "hasNone": !self.hosts.isEmpty && hosts.isEmpty,
            "filter": filter.text,
            "hasFilterProblem": filter.problem != nil,
            "filterProblem": filter.problem ?? "",
            "fleetTitle": filter.query == .all
                ? hosts.count.of("host") : "\(hosts.count) of \(self.hosts.count.of("host"))",
            "fleetSummary": "\(online) online, \(asWanted) as wanted",
            "fleet": ranked.prefix(rowsMax).map { Self.row($0.host) },
            "fleetLeft": ranked.count > rowsMax
                ? "and \(ranked.count - rowsMax) more, all as wanted or further down: slipway hosts list" : "",
        ]
    }

    private static func rank(_ host: HostView) -> Int {
        if host.standing == .quarantined { return 0 }
        if host.products.contains(where: { $0.running != nil && !$0.isHealthy }) { return 0 }
        if host.contact != .online { return 1 }
        if host.products.contains(where: { $0.wanted != nil && !$0.isAsWanted }) { return 2 }
        return 3
    }

    private static func row(_ host: HostView) -> [String: Any] {
        [
            "host": host.id.text,
            "environment": host.environment.text,
            "delivery": host.delivery?.rawValue ?? "unknown",
            "contact": words(host),
            "contactTone": host.contact == .online ? "succeeded" : "offline",
            "contactSign": host.contact == .online ? "●" : "○",
            "lastContact": host.lastContactAt.map { "last report \(ConsoleWords.moment($0))" } ?? "no report yet",
            "labels": host.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "),
            "products": host.products.map { product($0, of: host) },
            "hasProducts": !host.products.isEmpty,
        ]
    }

    private static func words(_ host: HostView) -> String {
        // A host that is not believed may well be there.
        if let standing = host.standing, standing != .active { return standing.rawValue }
        switch host.contact {
        case .online: return "online"
        case .offline: return "offline"
        case .never: return "never heard of"
        }
    }

    private static func product(_ view: HostProductView, of host: HostView) -> [String: Any] {
        let wanted = view.wanted.flatMap { $0 == view.running ? nil : $0 }
        let (tone, sign, words) =
            if view.running == nil {
                ("waiting", "", "nothing installed")
            } else if let silence = ConsoleWords.silence(host), view.isHealthy {
                // Nobody has said so since.
                ("offline", "○", silence)
            } else if view.isHealthy {
                ("succeeded", "✓", "healthy")
            } else {
                ("failed", "✕", "unhealthy")
            }
        return [
            "product": view.product.text, "running": view.running?.text ?? "–", "hasOtherWanted": wanted != nil,
            "wanted": wanted?.text ?? "", "tone": tone, "sign": sign, "health": words,
        ]
    }
}

/// What the console's field says: a host query of the one grammar. One that cannot be read hides nothing, and is told.
struct HostFilter {
    /// As it was written.
    var text = ""
    var query = HostQuery.all
    var problem: String?

    init() {}

    /// - Parameter field: of a form's address: a space comes as `+`, which is no part of a query.
    init(_ field: String?) {
        text = (field ?? "").replacing("+", with: " ")
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        do { query = try HostQuery(text) } catch { problem = "\(error.summary) \(error.remedy)" }
    }

    /// For the address of the page's live part.
    var address: String? {
        guard query != .all else { return nil }
        let isPlain = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        return text.utf8.map { byte in
            isPlain(byte) ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.encode([byte]).uppercased()
        }.joined()
    }
}
