import ReleaseDefinition
import Testing

/// Queries made up as trees, written in every way the grammar allows, read back: they mean what the tree means.
@Suite("Host query, made up")
struct HostQueryProperties {
    private indirect enum Tree {
        case all, has(String), equal(String, String), differs(String, String), isIn(String, [String])
        case not(Tree), and(Tree, Tree), or(Tree, Tree)

        func holds(_ labels: [String: String]) -> Bool {
            switch self {
            case .all: true
            case .has(let key): labels[key] != nil && labels[key] != "false"
            case .equal(let key, let value): labels[key] == value
            case .differs(let key, let value): labels[key] != value
            case .isIn(let key, let values): labels[key].map { values.contains($0) } ?? false
            case .not(let tree): !tree.holds(labels)
            case .and(let left, let right): left.holds(labels) && right.holds(labels)
            case .or(let left, let right): left.holds(labels) || right.holds(labels)
            }
        }
    }

    private struct Maker {
        var state: UInt64

        mutating func number(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }

        mutating func word() -> String { ["a", "b", "zone", "x-1", "y.z", "r/1", "true", "false", "all2"][number(9)] }

        mutating func tree(_ depth: Int) -> Tree {
            switch number(depth == 0 ? 5 : 8) {
            case 0: .all
            case 1: .has(word())
            case 2: .equal(word(), word())
            case 3: .differs(word(), word())
            case 4: .isIn(word(), (0...number(3)).map { _ in word() })
            case 5: .not(tree(depth - 1))
            case 6: .and(tree(depth - 1), tree(depth - 1))
            default: .or(tree(depth - 1), tree(depth - 1))
            }
        }

        mutating func space() -> String { ["", " ", "  ", "\t"][number(4)] }

        /// `rank`: 0 inside `or`, 1 inside `and`, 2 after `not`.
        mutating func text(_ tree: Tree, rank: Int) -> String {
            let own: Int
            let text: String
            switch tree {
            case .all: (own, text) = (3, "all")
            case .has(let key): (own, text) = (3, key)
            case .equal(let key, let value): (own, text) = (3, key + space() + "=" + space() + value)
            case .differs(let key, let value): (own, text) = (3, key + space() + "!=" + space() + value)
            case .isIn(let key, let values):
                let list = values.map { space() + $0 + space() }.joined(separator: ",")
                (own, text) = (3, key + " in" + space() + "(" + list + ")")
            case .not(let inner): (own, text) = (2, "not " + self.text(inner, rank: 2))
            case .and(let left, let right):
                (own, text) = (1, self.text(left, rank: 1) + " and " + self.text(right, rank: 2))
            case .or(let left, let right):
                (own, text) = (0, self.text(left, rank: 0) + " or " + self.text(right, rank: 1))
            }
            guard own < rank || number(6) == 0 else { return text }
            return "(" + space() + text + space() + ")"
        }
    }

    @Test("5 000 made-up queries mean what they were made from, on made-up hosts")
    func meaning() throws {
        for seed in 0..<UInt64(5000) {
            var maker = Maker(state: seed &* 0x9E37_79B9_7F4A_7C15)
            let tree = maker.tree(4)
            let text = maker.text(tree, rank: 0)
            let query = try HostQuery(text)
            for _ in 0..<8 {
                var labels: [String: String] = [:]
                for _ in 0..<maker.number(5) { labels[maker.word()] = maker.word() }
                #expect(
                    query.matches(id: HostID(unchecked: "h"), labels: labels) == tree.holds(labels),
                    "\(text) on \(labels)")
            }
        }
    }

    @Test("What is said to lie within another query has no host outside it; what is not has one, on made-up hosts")
    func within() throws {
        let words = ["a", "b", "zone", "x-1", "y.z", "r/1", "true", "false", "all2", "something-else"]
        var contained = 0
        for seed in 0..<UInt64(2000) {
            var maker = Maker(state: seed &* 0x9E37_79B9_7F4A_7C15)
            let (one, other) = (maker.tree(2), maker.tree(1))
            let both = maker.number(3) == 0 ? Tree.and(one, other) : one
            let inner = try HostQuery(maker.text(both, rank: 0))
            let outer = try HostQuery(maker.text(other, rank: 0))
            let isWithin = inner.isWithin(outer)
            contained += isWithin ? 1 : 0
            for _ in 0..<200 {
                var labels: [String: String] = [:]
                for _ in 0..<maker.number(6) { labels[words[maker.number(9)]] = words[maker.number(10)] }
                let id = HostID(unchecked: words[maker.number(10)])
                if inner.matches(id: id, labels: labels), !outer.matches(id: id, labels: labels) {
                    #expect(!isWithin, "\(inner) is not within \(outer): \(id) \(labels)")
                }
            }
        }
        #expect(contained > 200)
    }

    @Test(
        "Within another query, or not",
        arguments: [
            ("all", "all", true), ("zone=a", "all", true), ("all", "zone=a", false), ("zone=a", "zone=a", true),
            ("role=web and zone=a", "zone=a", true), ("zone=a or zone=b", "zone=a", false),
            ("zone in (a,b) and not zone=b", "zone=a", true), ("zone", "zone=a", false), ("zone=a", "zone", true),
            ("zone=a", "not zone=b", true), ("zone!=b", "zone=a", false), ("not not zone=a", "zone in (a,c)", true),
            ("zone=false", "zone", false), ("id=h1", "zone=a", true), ("id in (h1,h2)", "zone=a", false),
            ("id=h1 or zone=a", "zone=a", true), ("id=h3", "id in (h3,h4)", true), ("not id=h1", "zone=a", false),
        ])
    func withinWords(_ row: (String, String, Bool)) throws {
        let known: Set<HostID> = [HostID(unchecked: "h1")]
        #expect(try HostQuery(row.0).isWithin(HostQuery(row.1), beside: known) == row.2)
    }

    @Test("Two queries of hundreds of labels are compared at once; what cannot be told is not within")
    func withinLarge() throws {
        let many = (0..<200).map { "k\($0)=v" }.joined(separator: " and ")
        let clock = ContinuousClock.now
        #expect(try HostQuery(many + " and zone=a").isWithin(HostQuery("zone=a")))
        #expect(try !HostQuery(many).isWithin(HostQuery("zone=a")))
        #expect(try !HostQuery(many).isWithin(HostQuery(many.replacing("=v", with: "!=w"))))
        #expect(ContinuousClock.now - clock < .seconds(45))
    }

    @Test("A query cut anywhere, or with a byte exchanged, is read or refused; it never traps")
    func damaged() throws {
        for seed in 0..<UInt64(400) {
            var maker = Maker(state: seed)
            let bytes = Array(maker.text(maker.tree(4), rank: 0).utf8)
            for end in bytes.indices {
                var damaged = bytes
                damaged[end] = UInt8(truncatingIfNeeded: maker.number(256))
                for text in [String(decoding: bytes[..<end], as: UTF8.self), String(decoding: damaged, as: UTF8.self)] {
                    _ = try? HostQuery(text).matches(id: HostID(unchecked: "h"), labels: ["a": "b"])
                }
            }
        }
    }
}
