/// Something that is under configuration management (ITIL): a host, a unit installed on it, a service, a contract.
public struct ConfigurationItem: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable { case host, unit, service, contract }

    public enum Relation: String, Sendable, Codable, CaseIterable {
        /// A unit runs on a host.
        case runsOn
        /// A unit is part of a service.
        case partOf
        /// A contract covers a service.
        case covers
    }

    public struct Link: Sendable, Hashable, Codable {
        public var relation: Relation
        public var item: String

        public init(_ relation: Relation, _ item: String) {
            self.relation = relation
            self.item = item
        }
    }

    /// `host:web-1`, `unit:web-1/payments`, `service:payments`, `contract:SLA-7`.
    public var id: String
    public var kind: Kind
    /// By name, in no order that means anything.
    public var attributes: [String: String]
    public var links: [Link]

    public init(_ kind: Kind, _ name: String, _ attributes: [String: String], links: [Link] = []) {
        id = Self.id(kind, name)
        self.kind = kind
        self.attributes = attributes
        self.links = links
    }

    public static func id(_ kind: Kind, _ name: String) -> String { "\(kind.rawValue):\(name)" }
}

/// What differs between two baselines.
public struct ConfigurationDifference: Sendable, Equatable, Codable {
    public var added: [String]
    public var removed: [String]
    public var changed: [Change]

    public struct Change: Sendable, Equatable, Codable {
        public var item: String
        /// Or a relation, as `covers`: the items it leads to, sorted, with `, ` between.
        public var attribute: String
        public var before: String?
        public var after: String?
    }

    public init(from before: [ConfigurationItem], to after: [ConfigurationItem]) {
        let old = Dictionary(before.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let new = Dictionary(after.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        added = new.keys.filter { old[$0] == nil }.sorted()
        removed = old.keys.filter { new[$0] == nil }.sorted()
        changed = new.keys.sorted().flatMap { id -> [Change] in
            guard let was = old[id], let item = new[id] else { return [] }
            let (left, right) = (Self.compared(was), Self.compared(item))
            return Set(left.keys).union(right.keys).sorted().compactMap { name in
                left[name] == right[name]
                    ? nil : Change(item: id, attribute: name, before: left[name], after: right[name])
            }
        }
    }

    /// Attributes and, by relation, what an item is linked to.
    private static func compared(_ item: ConfigurationItem) -> [String: String] {
        let links = Dictionary(grouping: item.links, by: \.relation.rawValue)
            .mapValues { $0.map(\.item).sorted().joined(separator: ", ") }
        return item.attributes.merging(links) { attribute, _ in attribute }
    }
}
