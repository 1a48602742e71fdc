/// Whether one query can mean a host that another does not: what a right over some hosts is worth for hosts that are yet to
/// come.
extension HostQuery {
    /// So many kinds of hosts are told apart; beyond that nothing is proved.
    static let kindsMax = 1 << 16

    /// The hosts that it names by their ids.
    public var namedHosts: Set<HostID> {
        var values: [String: Set<String>] = [:]
        Self.collect(expression, into: &values)
        return Set((values[Self.idKey] ?? []).compactMap { try? HostID($0) })
    }

    /// Whether every host that this query means is meant by the other as well, whatever its id and labels are. Hosts are told
    /// apart by the values that either query names, so the answer is exact; of queries with more than `kindsMax` kinds of
    /// hosts it is no.
    /// - Parameter known: hosts that are asked for one by one: ids are never used again.
    public func isWithin(_ other: HostQuery, beside known: Set<HostID> = []) -> Bool {
        if expression == other.expression || other.expression == .all { return true }
        if let answer = Self.isContained(expression, in: other.expression, known) { return answer }
        // A part of what must hold means more hosts: where these are within the other, so are fewer.
        var asked: [String: Set<String>] = [:]
        Self.collect(other.expression, into: &asked)
        let parts = Self.conjuncts(of: expression).filter { part in
            var own: [String: Set<String>] = [:]
            Self.collect(part, into: &own)
            return own.keys.allSatisfy { asked[$0] != nil }
        }
        guard let first = parts.first else { return false }
        let rest = parts.dropFirst().reduce(first) { .and($0, $1) }
        return Self.isContained(rest, in: other.expression, known) ?? false
    }

    private static let idKey = "id"
    /// No label has it: a value that no query names.
    private static let anotherValue = "\u{0}"

    /// nil: too many kinds to tell.
    private static func isContained(
        _ inner: Expression, in outer: Expression, _ known: Set<HostID>
    ) -> Bool? {
        var named: [String: Set<String>] = [:]
        collect(inner, into: &named)
        collect(outer, into: &named)
        let keys = named.keys.sorted()
        var domains: [[String?]] = []
        var kinds = 1
        for key in keys {
            var values: [String?] = (named[key] ?? []).union(["false", anotherValue]).sorted()
            if key == idKey {
                values.removeAll { value in known.contains { $0.text == value } }
            } else {
                values.append(nil)
            }
            domains.append(values)
            let (product, isOver) = kinds.multipliedReportingOverflow(by: values.count)
            guard !isOver, product <= kindsMax else { return nil }
            kinds = product
        }
        for kind in 0..<kinds {
            var rest = kind
            var labels: [String: String] = [:]
            for (key, values) in zip(keys, domains) {
                labels[key] = values[rest % values.count]
                rest /= values.count
            }
            if evaluate(inner, { labels[$0] }), !evaluate(outer, { labels[$0] }) { return false }
        }
        return true
    }

    private static func conjuncts(of expression: Expression) -> [Expression] {
        guard case .and(let left, let right) = expression else { return [expression] }
        return conjuncts(of: left) + conjuncts(of: right)
    }

    /// The values that are named of each key.
    private static func collect(_ expression: Expression, into values: inout [String: Set<String>]) {
        switch expression {
        case .all: break
        case .has(let key): values[key, default: []].formUnion([])
        case .oneOf(let key, let named): values[key, default: []].formUnion(named)
        case .not(let inner): collect(inner, into: &values)
        case .and(let left, let right), .or(let left, let right):
            collect(left, into: &values)
            collect(right, into: &values)
        }
    }
}
