import ReleaseDefinition

/// `windows`, `freezes` and `busy` of a policy.
enum PolicyWindowReader {
    private static let windowKeys = KeyTable(known: ["opens", "for", "zone"])
    private static let busyKeys = KeyTable(known: ["from", "for", "zone", "weight", "reason"])
    private static let freezeKeys = KeyTable(known: ["from", "until", "reason", "environments", "hosts"])

    /// `{ weeknights: { opens: Mon..Thu 22:00, for: 4h, zone: Europe/Berlin } }`
    static func windows(_ field: Field) -> [PolicyWindow]? {
        field.pairs(countMax: 50, what: "windows") { key, value in
            let name = key.name(WindowName.self)
            guard let mapping = MappingReader(value, windowKeys, what: "a window") else { return nil }
            let window = readWindow(mapping, opens: "opens")
            guard let name, let window else { return nil }
            return PolicyWindow(name: name, window: window)
        }
    }

    /// `[{ from: Mon..Fri 08:00, for: 10h, zone: Europe/Berlin, weight: 3, reason: office hours }]`
    static func busy(_ field: Field) -> [BusyTime]? {
        field.elements(countMax: 50, what: "busy times") { field in
            guard let mapping = MappingReader(field, busyKeys, what: "a busy time") else { return nil }
            let window = readWindow(mapping, opens: "from")
            let weight = mapping.optional("weight", default: 1) { $0.integer(1...100) }
            let reason = mapping.required("reason", example: "reason: office hours") { $0.text() }
            guard let window, let weight, let reason else { return nil }
            return BusyTime(window: window, weight: weight, reason: reason)
        }
    }

    private static func readWindow(_ mapping: MappingReader, opens key: String) -> MaintenanceWindow? {
        let opens = mapping.required(key, example: "\(key): Mon..Thu 22:00") {
            $0.value("a calendar expression") { text throws(DefinitionError) in try CalendarExpression(text) }
        }
        let span = mapping.required("for", example: "for: 4h") { $0.span(.minutes(1) ... .days(31)) }
        let zone = mapping.optional("zone", default: "UTC") { $0.zone() }
        guard let opens, let span, let zone else { return nil }
        return MaintenanceWindow(opens: opens, span: span, zone: zone)
    }

    /// `[{ from: 2026-12-18T00:00:00Z, until: 2027-01-04T00:00:00Z, reason: end of the year, hosts: role=shop }]`
    static func freezes(_ field: Field) -> [PolicyFreeze]? {
        field.elements(countMax: 200, what: "freezes") { field in
            guard let mapping = MappingReader(field, freezeKeys, what: "a freeze") else { return nil }
            let from = mapping.required("from", example: "from: 2026-12-18T00:00:00Z", instant)
            let until = mapping.required("until", example: "until: 2027-01-04T00:00:00Z", instant)
            let reason = mapping.required("reason", example: "reason: end of the year") { $0.text() }
            let environments = mapping.optional("environments", default: []) {
                $0.elements(countMax: 50, what: "environments") { $0.name(EnvironmentName.self) }
            }
            let hosts = mapping.optional("hosts", default: .all) {
                $0.value("a host query") { text throws(DefinitionError) in try HostQuery(text) }
            }
            guard let from, let until, let reason, let environments, let hosts else { return nil }
            if until <= from {
                mapping.refuseRule(
                    at: "until", "freezeOrder", found: "until \(until), from \(from)",
                    expected: "an end after the start",
                    remedy: "Exchange the two, or correct one.")
            }
            return PolicyFreeze(
                freeze: Freeze(from: from, until: until, reason: reason), environments: environments, hosts: hosts)
        }
    }

    private static func instant(_ field: Field) -> UTCInstant? {
        field.value("a moment in UTC") { text throws(DefinitionError) in try UTCInstant(text) }
    }
}
