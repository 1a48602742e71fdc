/// Somebody with a session who looks at a page.
struct ConsoleVisit: Sendable {
    var person: PersonRecord
    /// For the forms of the page; nil: it has none.
    var proof: String?
    /// Of this page alone.
    var page = ""
    /// Where the page is shown anew, after a form that was refused; nil: at its own address.
    var address: String?
    var told: ConsoleTold?
}

/// What the last form did, or why it did nothing.
struct ConsoleTold: Sendable {
    var text: String
    var remedy = ""
    /// Of the problem; nil: it was done.
    var code: String?

    var model: [String: Any] {
        ["text": text, "remedy": remedy, "code": code ?? "", "isRefusal": code != nil]
    }
}
