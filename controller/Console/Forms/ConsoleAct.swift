import ReleaseDefinition

/// A button of a page and the form behind it. It is shown to whoever may do it, where it fits.
struct ConsoleAct: Sendable {
    enum Field: Sendable {
        /// Why, for the log.
        case reason(isRequired: Bool)
        case text(String, label: String, value: String = "", hint: String = "", isRequired: Bool = false)
        case choice(String, label: String, options: [(value: String, words: String)])
        case fixed(String, String)
    }

    enum Weight: String, Sendable { case usual, dangerous }

    /// One in the page.
    var id: String
    /// Of those of which one is open at a time.
    var group: String
    var label: String
    /// What will be when it is done.
    var says: String
    var address: String
    var weight = Weight.usual
    var fields: [Field] = [.reason(isRequired: true)]

    var model: [String: Any] {
        [
            "id": id, "group": group, "label": label, "says": says, "address": address, "weight": weight.rawValue,
            "fields": fields.map(model),
        ]
    }

    private func model(_ field: Field) -> [String: Any] {
        switch field {
        case .reason(let isRequired):
            [
                "isText": true, "id": "\(id)-reason", "name": "reason",
                "label": isRequired ? "Reason" : "Reason (may be left out)", "value": "",
                "hint": "It stands in the log",
                "isRequired": isRequired,
            ]
        case .text(let name, let label, let value, let hint, let isRequired):
            [
                "isText": true, "id": "\(id)-\(name)", "name": name, "label": label, "value": value, "hint": hint,
                "isRequired": isRequired,
            ]
        case .choice(let name, let label, let options):
            [
                "isChoice": true, "id": "\(id)-\(name)", "name": name, "label": label,
                "options": options.map { ["value": $0.value, "words": $0.words] },
            ]
        case .fixed(let name, let value): ["isFixed": true, "name": name, "value": value]
        }
    }
}
