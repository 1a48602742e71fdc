import ReleaseDefinition

/// Reads `policy.yaml`.
public enum PolicyFile {
    public static let bytesMax = 256 << 10

    /// - Parameter file: the name that problems cite, with line and column.
    /// - Throws: every problem at once, in the order of the lines.
    public static func parse(_ text: [UInt8], file: String) throws(DefinitionProblems) -> ReleasePolicy {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file, precision: .column)
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
        guard let numbering, let windows, let gates, let environments, let freezes, let busy, let earlyLife,
            let overrides
        else { return nil }
        let policy = ReleasePolicy(
            numbering: numbering, environments: environments, windows: windows, freezes: freezes, busy: busy,
            earlyLife: earlyLife, overrides: overrides, gates: gates)
        checkNames(policy, mapping)
        return policy
    }

    /// What is named must exist in the same file.
    private static func checkNames(_ policy: ReleasePolicy, _ mapping: MappingReader) {
        let environments = policy.environments.map(\.name.text)
        for environment in policy.environments {
            guard let own = mapping["environments"]?.member(environment.name.text) else { continue }
            for name in environment.windows where !policy.windows.contains(where: { $0.name == name }) {
                own.refuseName("windows", name.text, of: policy.windows.map(\.name.text), what: "window")
            }
            for name in environment.gates where policy.gate(name) == nil {
                own.refuseName("gates", name.text, of: policy.gates.map(\.name.text), what: "gate")
            }
            if let after = environment.after { checkOrder(after, of: environment, policy, own) }
        }
        guard !environments.isEmpty else { return }
        for (position, freeze) in policy.freezes.enumerated() {
            for name in freeze.environments where !environments.contains(name.text) {
                mapping["freezes"]?.element(position)
                    .refuseName("environments", name.text, of: environments, what: "environment")
            }
        }
    }

    private static func checkOrder(
        _ after: EnvironmentName, of environment: EnvironmentPolicy, _ policy: ReleasePolicy, _ own: Field
    ) {
        guard policy.environment(after) != nil else {
            return own.refuseName("after", after.text, of: policy.environments.map(\.name.text), what: "environment")
        }
        var (seen, next) = ([environment.name], Optional(after))
        while let name = next {
            if seen.contains(name) {
                own.member("after")?.refuseRule(
                    "environmentCycle", found: (seen + [name]).map(\.text).joined(separator: " after "),
                    expected: "an order with a first environment", remedy: "Remove one after.")
                return
            }
            seen.append(name)
            next = policy.environment(name)?.after
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

    /// Where a member names something that the file does not have.
    fileprivate func refuseName(_ key: String, _ name: String, of known: [String], what: String) {
        let meant = nearest(to: name, of: known).map { "Did you mean \($0)?" }
        (member(key) ?? self).refuseRule(
            "unknownName", found: quote(name),
            expected: known.isEmpty ? "no \(what): none is defined" : "one of \(known.joined(separator: ", "))",
            remedy: meant ?? "Define it in the same file, or name another.")
    }
}
