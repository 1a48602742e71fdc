import ControllerAPI
import ReleaseDefinition

/// A table of a record page.
struct ListTable: Sendable {
    static let rowsMax = 500

    var heading: String
    var note = ""
    var columns: [String]
    var rows: [[String]]
    /// The addresses that the cells of a column lead to, but for their last part, by the column's place.
    var links: [Int: String] = [:]

    var model: [String: Any] {
        [
            "heading": heading, "note": note,
            "columns": columns.map { ["text": $0] },
            "hasRows": !rows.isEmpty,
            "rows": rows.prefix(Self.rowsMax).map {
                ["cells": $0.enumerated().map { cell($0.element, in: $0.offset) }]
            },
            "left": rows.count > Self.rowsMax ? "and \(rows.count - Self.rowsMax) more" : "",
        ]
    }

    private func cell(_ text: String, in column: Int) -> [String: Any] {
        let link = links[column].map { $0 + text.percentEncoded }
        return [
            "text": text, "isMoment": ConsoleWords.isMoment(text),
            // A word that fills a third of the page may be broken.
            "isLong": text.split(separator: " ").contains { $0.utf8.count > 40 },
            "hasLink": link != nil && !text.isEmpty,
            "link": link ?? "",
        ]
    }
}

/// A page that is tables, and a text above them.
struct ListPanel: RecordContent {
    var title: String
    var note: String
    /// Which of the pages it is, for the navigation.
    var flag: String
    var text: String?
    var back: (name: String, address: String)?
    var links: [(name: String, address: String)] = []
    /// Of the links: the one that leads here.
    var current: String?
    var tables: [ListTable]

    var model: [String: Any] {
        [
            "isList": true, flag: true, "title": title, "listNote": note, "hasText": text != nil, "text": text ?? "",
            "hasBack": back != nil, "back": back?.address ?? "", "backName": back?.name ?? "",
            "hasLinks": !links.isEmpty,
            "links": links.map {
                ["name": $0.name, "link": $0.address, "isCurrent": $0.address == current] as [String: Any]
            },
            "tables": tables.map(\.model),
        ]
    }
}

extension ListPanel {
    /// - Parameter rights: nil: not for this person.
    static func policy(
        _ policy: PolicyView?, versions: [PolicyView], freezes: [FreezeView], rights: [Right]?
    ) -> ListPanel {
        ListPanel(
            title: "Policy",
            note: policy.map {
                "version \($0.version), since \(ConsoleWords.moment($0.appliedAt)) by \(ConsoleWords.person($0.appliedBy))"
            }
                ?? "none is in force: slipway policy apply FILE --reason REASON",
            flag: "isPolicy", text: policy?.text,
            tables: [
                ListTable(
                    heading: "Freezes", note: freezes.contains(where: \.isStanding) ? "one stands" : "none stands",
                    columns: ["Freeze", "Where", "From", "Until", "Reason", "By"],
                    rows: freezes.map { one in
                        [
                            one.isStanding ? "\(one.id) (stands)" : one.id,
                            one.scopeWords,
                            ConsoleWords.moment(one.from), one.until.map(ConsoleWords.moment) ?? "lifted by hand",
                            one.reason, one.by,
                        ]
                    }),
                ListTable(
                    heading: "Versions", columns: ["Version", "Applied", "By", "Reason"],
                    rows: versions.reversed().map {
                        [
                            String($0.version), ConsoleWords.moment($0.appliedAt), ConsoleWords.person($0.appliedBy),
                            $0.reason,
                        ]
                    }),
            ] + (rights.map { [people($0)] } ?? []))
    }

    /// What a person may do, and where.
    struct Right {
        var person: String
        var set: String
        var place = "everywhere"
        var since = "from the beginning"
        var by = ""
    }

    private static func people(_ rights: [Right]) -> ListTable {
        ListTable(
            heading: "Who may do what", note: "slipway grants add gives more, slipway grants remove takes it",
            columns: ["Person", "As", "Where", "Since", "By"],
            rows: rights.map { [$0.person, $0.set, $0.place, $0.since, $0.by] })
    }

    /// A digest is known by its beginning; whole, it leaves the other columns no room.
    private static func shortened(_ value: String) -> String {
        guard let digest = try? SHA256Digest(hex: value) else { return value }
        return "\(digest.short)…"
    }

    /// - Parameter kind: nil: all of them.
    static func configuration(_ items: [ConfigurationItem], kind: ConfigurationItem.Kind?) -> ListPanel {
        let shown = items.filter { kind == nil || $0.kind == kind }
        let kinds = ConfigurationItem.Kind.allCases.map { ($0.rawValue, "/console/configuration?kind=\($0.rawValue)") }
        return ListPanel(
            title: "Configuration", note: "\(shown.count.of("item")); slipway cmdb export writes all of them",
            flag: "isConfiguration", links: [("all", "/console/configuration")] + kinds,
            current: kinds.first { $0.0 == kind?.rawValue }?.1 ?? "/console/configuration",
            tables: [
                ListTable(
                    heading: kind.map { "Items of the kind \($0.rawValue)" } ?? "Items",
                    columns: ["Item", "Attributes", "Relations"],
                    rows: shown.map { item in
                        [
                            item.id,
                            item.attributes.sorted { $0.key < $1.key }.filter { $0.key != "system" }
                                .map { "\($0.key)=\(shortened($0.value))" }.joined(separator: " "),
                            item.links.map { "\($0.relation.rawValue) \($0.item)" }.joined(separator: ", "),
                        ]
                    })
            ])
    }

    /// - Parameter notifications: nil: not for this person.
    static func log(_ entries: [EventEntry], notifications: NotificationsView?) -> ListPanel {
        var tables: [ListTable] = []
        if let notifications {
            tables.append(
                ListTable(
                    heading: "Notifications",
                    note: "\(notifications.delivered) delivered; \(notifications.items.count) waiting or given up",
                    columns: ["To", "Type", "Text", "Attempts", "State"],
                    rows: notifications.items.map {
                        [
                            $0.sink, $0.type, $0.text, String($0.attempts),
                            $0.isDead ? "given up: \($0.lastError ?? "")" : "on its way",
                        ]
                    }))
        }
        tables.append(
            ListTable(
                heading: "Log", note: "the newest \(entries.count); slipway audit verify proves it",
                columns: ["No.", "At", "By", "Action", "Of"],
                rows: entries.reversed().map {
                    [String($0.sequence), ConsoleWords.moment($0.at), $0.actor, $0.action, $0.object]
                }))
        return ListPanel(title: "Log", note: "who did what, when", flag: "isLog", tables: tables)
    }
}

extension ListPanel.Right {
    init(_ grant: GrantView) {
        let places = [
            grant.product.map { "product \($0)" }, grant.environment.map { "environment \($0)" },
            grant.hosts.map { "hosts \($0)" },
        ].compactMap { $0 }
        self.init(
            person: grant.person, set: grant.set,
            place: places.isEmpty ? "everywhere" : places.joined(separator: ", "),
            since: ConsoleWords.moment(grant.grantedAt), by: grant.grantedBy)
    }
}
