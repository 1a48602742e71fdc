/// Every list of `/v1`: an object, so that a cursor can be added without breaking a reader.
public struct ListView<Item: Codable & Sendable>: Sendable, Codable {
    public var items: [Item]

    public init(items: [Item]) { self.items = items }
}
