import ReleaseDefinition

/// Where a page of a list ended. Opaque to whoever gets it: base64url of a check, which ties it to its list, and of the last key.
///
/// No secret is in it and none protects it: who may see the list may go on anywhere in it. Every controller of a cluster makes
/// the same, and a restart changes none.
struct ListCursor: Sendable, Equatable {
    private static let checkLength = 6

    /// The path that the list is asked for under.
    let list: String
    let key: String

    init(list: String, key: String) { (self.list, self.key) = (list, key) }

    /// - Returns: nil for what was not made here, for this list.
    init?(_ text: String, list: String) {
        guard let bytes = Base64URL.decode(Array(text.utf8)), bytes.count >= Self.checkLength,
            let key = String(validating: bytes.dropFirst(Self.checkLength), as: UTF8.self)
        else { return nil }
        self.init(list: list, key: key)
        guard self.text == text else { return nil }
    }

    var text: String {
        let check = SHA256Digest(of: Array("\(list)\n\(key)".utf8)).bytes.prefix(Self.checkLength)
        return Base64URL.encode(Array(check) + Array(key.utf8))
    }
}
