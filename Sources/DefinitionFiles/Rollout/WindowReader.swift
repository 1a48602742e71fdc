import ReleaseDefinition

/// `windows: [{ opens: "Sat 22:00", for: 4h, zone: Europe/Berlin }]` and
/// `freezes: [{ from: 2026-12-20T00:00:00Z, until: 2027-01-04T00:00:00Z, reason: end of year }]`.
enum WindowReader {
    private static let windowKeys = KeyTable(
        known: ["opens", "for", "zone"], reserved: ["span": "Write it as for: 4h."])
    private static let freezeKeys = KeyTable(known: ["from", "until", "reason"])

    static func windows(_ field: Field) -> [MaintenanceWindow]? {
        list(field, "windows", "[{ opens: \"Sat 22:00\", for: 4h }]", window)
    }

    static func freezes(_ field: Field) -> [Freeze]? {
        list(field, "freezes", "[{ from: 2026-12-20T00:00:00Z, until: 2027-01-04T00:00:00Z, reason: … }]", freeze)
    }

    private static func list<Element>(
        _ field: Field, _ what: String, _ example: String, _ read: (Field) -> Element?
    ) -> [Element]? {
        guard case .list(let nodes) = field.node.content, !nodes.isEmpty else {
            return field.refuse("value.list", expected: "a list of \(what)", remedy: "Write \(example).")
        }
        guard let found = field.elements(countMax: 20, what: what, read), found.count == nodes.count else { return nil }
        return found
    }

    private static func window(_ field: Field) -> MaintenanceWindow? {
        guard let mapping = MappingReader(field, windowKeys, what: "a window") else { return nil }
        let opens = mapping.required("opens", example: "opens: \"Sat 22:00\"") {
            $0.value("a calendar expression") { text throws(DefinitionError) in try CalendarExpression(text) }
        }
        let span = mapping.required("for", example: "for: 4h") { $0.span(.minutes(1) ... .days(30)) }
        let zone = mapping.optional("zone", default: "UTC") { $0.zone() }
        guard let opens, let span, let zone else { return nil }
        return MaintenanceWindow(opens: opens, span: span, zone: zone)
    }

    private static func freeze(_ field: Field) -> Freeze? {
        guard let mapping = MappingReader(field, freezeKeys, what: "a freeze") else { return nil }
        let from = mapping.required("from", example: "from: 2026-12-20T00:00:00Z", instant)
        let until = mapping.required("until", example: "until: 2027-01-04T00:00:00Z", instant)
        let reason = mapping.required("reason", example: "reason: end of year") { $0.text(what: "a reason") }
        guard let from, let until, let reason else { return nil }
        guard from < until else {
            mapping.refuseRule(
                at: "until", "freezeOrder", found: "from \(from) until \(until)",
                expected: "an end after the beginning",
                remedy: "Exchange the two, or correct one.")
            return nil
        }
        return Freeze(from: from, until: until, reason: reason)
    }

    private static func instant(_ field: Field) -> UTCInstant? {
        field.value("a moment in UTC") { text throws(DefinitionError) in try UTCInstant(text) }
    }
}

extension Field {
    /// The name of a time zone, as a path below the zone folder without a way out of it; one that there is, where somebody
    /// looked.
    func zone() -> String? {
        guard case .text(let text, _) = node.content, MaintenanceWindow.isZoneName(text) else {
            return refuse(
                "value.zone", expected: "the IANA name of a time zone", remedy: "Write it as Europe/Berlin or UTC.")
        }
        guard text == "UTC" || list.zones.isEmpty || list.zones.contains(text) else {
            let meant = nearest(to: text, of: list.zones).map { "Did you mean \($0)?" }
            return refuse(
                "value.zone", expected: "a time zone that there is",
                remedy: meant ?? "Write an IANA name as Europe/Berlin; install the package tzdata if the name is right."
            )
        }
        return text
    }
}
