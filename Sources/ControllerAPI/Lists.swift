/// Every list of `/v1`: an object, so that a cursor could be added without breaking a reader.
public struct ListView<Item: Codable & Sendable>: Sendable, Codable {
    public var items: [Item]
    /// There are more: ask with `?after=` this cursor, which is opaque. nil: these are the last.
    public var next: String?

    public init(items: [Item], next: String? = nil) {
        self.items = items
        self.next = next
    }
}
