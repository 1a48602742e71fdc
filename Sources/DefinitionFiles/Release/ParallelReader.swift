import ReleaseDefinition

/// `parallel: { slots: ["8081", "8082"], link: /run/payments/active, drain: 30s, warm: 10m }`
enum ParallelReader {
    private static let keys = KeyTable(known: ["slots", "link", "drain", "warm"])

    static func read(_ field: Field) -> ParallelSettings? {
        guard let mapping = MappingReader(field, keys, what: "the two slots, as { slots: [\"8081\", \"8082\"] }") else {
            return nil
        }
        let slots = mapping.required("slots", example: "slots: [\"8081\", \"8082\"]", slots)
        let link = mapping.optional("link", default: String?.none) {
            $0.absolutePath("the link that shows the address that serves").map(Optional.some)
        }
        let drain = mapping.optional("drain", default: .seconds(10)) { $0.span(ParallelSettings.drainBounds) }
        let warm = mapping.optional("warm", default: .minutes(10)) { $0.span(ParallelSettings.warmBounds) }
        guard let slots, let link, let drain, let warm else { return nil }
        return ParallelSettings(slots: slots, link: link, drain: drain, warm: warm)
    }

    private static func slots(_ field: Field) -> [String]? {
        let remedy = "Write two ports, as [\"8081\", \"8082\"], or two sockets, as [/run/web/a.sock, /run/web/b.sock]."
        let words = field.elements(countMax: 2, what: "slots") { word -> String? in
            guard case .text(let text, _) = word.node.content, isAddress(text) else {
                return word.refuse("value.slot", expected: "a port, or the absolute path of a socket", remedy: remedy)
            }
            return text
        }
        guard let words else { return nil }
        guard words.count == 2, Set(words).count == 2 else {
            return field.refuse("value.slots", expected: "two different addresses", remedy: remedy)
        }
        return words
    }

    /// A variable may stand in it: what it holds is the host's.
    private static func isAddress(_ text: String) -> Bool {
        guard text.utf8.count <= 512, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return false }
        if text.hasPrefix("/") || text.contains("${") { return true }
        return Int(text).map { (1...65535).contains($0) && String($0) == text } ?? false
    }

    /// What goes with two slots and what does not.
    static func check(
        _ parallel: ParallelSettings?, service: ServiceDefinition?, hooks: UnitHooks?, _ mapping: MappingReader
    ) {
        guard let hooks else { return }
        guard let parallel else {
            if hooks[.switch] != nil, !mapping.has("parallel") {
                mapping.refuseRule(
                    at: "hooks", "switchAlone", found: "a switch hook without parallel",
                    expected: "switch with parallel only", remedy: "Add parallel: { slots: [...] }, or remove the hook."
                )
            }
            return
        }
        if parallel.link == nil, hooks[.switch] == nil {
            mapping.refuseRule(
                at: "parallel", "takeOver", found: "neither a link nor a switch hook",
                expected: "a way in which the new release takes over",
                remedy: "Add link: /run/NAME/active, or a hook switch.")
        }
        for moment in [HookMoment.drain, .undrain] where hooks[moment] != nil {
            mapping.refuseRule(
                at: "hooks", "drainOfParallel", found: "a hook \(moment.rawValue) beside parallel",
                expected: "the switch hook to do it",
                remedy: "Remove it: the old release serves until the new one takes over.")
        }
        if mapping.has("backup") {
            mapping.refuseRule(
                at: "backup", "backupOfParallel", found: "backup beside parallel",
                expected: "data that no running release writes",
                remedy: "Put the backup into a unit that stands before it.")
        }
        if mapping.has("reboot") {
            mapping.refuseRule(
                at: "reboot", "rebootOfParallel", found: "reboot beside parallel",
                expected: "two releases of which one always serves",
                remedy: "Remove reboot, or put it into a unit of its own.")
        }
        if case .systemd(let service)? = service, !service.isTemplate || service.update == .reload {
            mapping.refuseRule(
                at: "service", "templateOfParallel", found: "\(service.unit) for two slots",
                expected: "a template of systemd, restarted",
                remedy: "Write it as payments@.service; the slot is its instance.")
        }
        if service == nil {
            mapping.refuseRule(
                at: "parallel", "serviceOfParallel", found: "two slots and nothing that runs in them",
                expected: "a service", remedy: "Add service: { command: [bin/serve] }, or remove parallel.")
        }
    }
}
