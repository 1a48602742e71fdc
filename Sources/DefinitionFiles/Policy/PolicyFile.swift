import ReleaseDefinition

/// Reads `policy.yaml`.
public enum PolicyFile {
    public static let bytesMax = 256 << 10

    /// - Parameters:
    ///   - file: the name that problems cite, with line and column.
    ///   - zones: the time zones that there are; empty: nobody looked, and any name may be one.
    /// - Throws: every problem at once, in the order of the lines.
    public static func parse(
        _ text: [UInt8], file: String, zones: [String] = []
    ) throws(DefinitionProblems) -> ReleasePolicy {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file, precision: .column, zones: zones)
        try DefinitionKind.policy.refuseOther(root, list)
        var policy = try list.finish(read(Field(node: root, path: "", list: list)))
        policy.places = places(of: root)
        return policy
    }

    private static let keys = KeyTable(known: [
        "numbering", "environments", "windows", "freezes", "busy", "earlyLife", "overrides", "gates",
    ])

    private static func read(_ field: Field) -> ReleasePolicy? {
        guard let mapping = MappingReader(field, keys, what: "a policy") else { return nil }
        let numbering = mapping.optional("numbering", default: Numbering(), NumberingReader.read)
        let windows = mapping.optional("windows", default: [], PolicyWindowReader.windows)
        let gates = mapping.optional("gates", default: [], GateReader.read)
        let environments = mapping.optional("environments", default: [], EnvironmentPolicyReader.read)
        let freezes = mapping.optional("freezes", default: [], PolicyWindowReader.freezes)
        let busy = mapping.optional("busy", default: [], PolicyWindowReader.busy)
        let earlyLife = mapping.optional("earlyLife", default: EarlyLife(), EarlyLifeReader.read)
        let overrides = mapping.optional("overrides", default: [], OverrideReader.read)
        checkNames(mapping)
        guard let numbering, let windows, let gates, let environments, let freezes, let busy, let earlyLife,
            let overrides
        else { return nil }
        return ReleasePolicy(
            numbering: numbering, environments: environments, windows: windows, freezes: freezes, busy: busy,
            earlyLife: earlyLife, overrides: overrides, gates: gates)
    }

    /// What is named must exist in the same file. The text is looked at, not what was made of it: these problems come with
    /// all others.
    private static func checkNames(_ mapping: MappingReader) {
        let defined = { (key: String) in mapping[key]?.keys ?? [] }
        let (environments, windows, gates) = (defined("environments"), defined("windows"), defined("gates"))
        let before = environments.compactMap { name in
            mapping["environments"]?.member(name)?.member("after")?.words.first.map { (name, $0) }
        }
        let after = Dictionary(before, uniquingKeysWith: { first, _ in first })
        for name in environments {
            guard let own = mapping["environments"]?.member(name) else { continue }
            for window in own.member("windows")?.words ?? [] where WindowName.reads(window) {
                own.refuseUnknown("windows", window, of: windows, what: "window")
            }
            for gate in own.member("gates")?.words ?? [] where GateName.reads(gate) {
                own.refuseUnknown("gates", gate, of: gates, what: "gate")
            }
            if let it = after[name], EnvironmentName.reads(it) { checkOrder(it, of: name, after, environments, own) }
        }
        guard !environments.isEmpty, case .list(let freezes)? = mapping["freezes"]?.node.content else { return }
        for position in freezes.indices {
            let freeze = mapping["freezes"]?.element(position)
            for name in freeze?.member("environments")?.words ?? [] where EnvironmentName.reads(name) {
                freeze?.refuseUnknown("environments", name, of: environments, what: "environment")
            }
        }
    }

    private static func checkOrder(
        _ before: String, of environment: String, _ after: [String: String], _ environments: [String], _ own: Field
    ) {
        guard environments.contains(before) else {
            return own.refuseUnknown("after", before, of: environments, what: "environment")
        }
        var (seen, next) = ([environment], Optional(before))
        while let name = next {
            if seen.contains(name) {
                own.member("after")?.refuseRule(
                    "environmentCycle", found: (seen + [name]).joined(separator: " after "),
                    expected: "an order with a first environment", remedy: "Remove one after.")
                return
            }
            seen.append(name)
            next = after[name]
        }
    }

    /// Where each value stands: of a member its key, of an element itself.
    private static func places(of root: YAMLNode) -> [String: SourcePlace] {
        var places: [String: SourcePlace] = [:]
        func walk(_ node: YAMLNode, _ path: String) {
            switch node.content {
            case .text: break
            case .list(let nodes):
                for (position, element) in nodes.enumerated() {
                    let own = "\(path)[\(position)]"
                    places[own] = SourcePlace(line: element.line, column: element.column)
                    walk(element, own)
                }
            case .mapping(let members):
                for member in members {
                    let own = path.isEmpty ? member.key : "\(path).\(member.key)"
                    places[own] = SourcePlace(line: member.line, column: member.column)
                    walk(member.value, own)
                }
            }
        }
        walk(root, "")
        return places
    }
}

extension Field {
    func member(_ key: String) -> Field? {
        guard case .mapping(let members) = node.content, let member = members.first(where: { $0.key == key }) else {
            return nil
        }
        return Field(node: member.value, path: path.isEmpty ? key : "\(path).\(key)", list: list)
    }

    func element(_ position: Int) -> Field {
        guard case .list(let nodes) = node.content, nodes.indices.contains(position) else { return self }
        return Field(node: nodes[position], path: "\(path)[\(position)]", list: list)
    }

    /// Of a mapping, in order.
    fileprivate var keys: [String] {
        guard case .mapping(let members) = node.content else { return [] }
        return members.map(\.key)
    }

    /// The texts of a list, or the one text.
    fileprivate var words: [String] {
        switch node.content {
        case .text(let text, _): [text]
        case .list(let nodes): nodes.compactMap { if case .text(let text, _) = $0.content { text } else { nil } }
        case .mapping: []
        }
    }

    /// Where a member names something that the file does not have.
    fileprivate func refuseUnknown(_ key: String, _ name: String, of known: [String], what: String) {
        guard !known.contains(name) else { return }
        let meant = nearest(to: name, of: known).map { "Did you mean \($0)?" }
        (member(key) ?? self).refuseRule(
            "unknownName", found: quote(name),
            expected: known.isEmpty ? "no \(what): none is defined" : "one of \(known.joined(separator: ", "))",
            remedy: meant ?? "Define it in the same file, or name another.")
    }
}

extension CheckedName {
    /// What is no name at all is another problem.
    fileprivate static func reads(_ text: String) -> Bool { (try? Self(text)) != nil }
}
