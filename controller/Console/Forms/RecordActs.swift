import ControllerAPI
import ReleaseDefinition

/// What a person may do with a host, a release and the calendar.
extension Controller {
    func hostActs(_ id: HostID, for person: PersonRecord) -> [ConsoleAct] {
        guard let record = state.hosts[id], person.may(.manageHosts, on: ScopedObject(record)) else { return [] }
        let view = view(of: record)
        let base = "/console/hosts/\(id)"
        let marks = Set((view.marks ?? []).map(\.mark))
        var acts: [ConsoleAct] = []
        if view.standing == .quarantined {
            acts.append(
                ConsoleAct(
                    id: "unlock", group: "acts", label: "Unlock",
                    says:
                        "The host is believed again and gets orders. Make sure first that one machine alone uses its key.",
                    address: "\(base)/unlock", weight: .dangerous))
        }
        for (mark, label, says) in [
            (
                HostMarkKind.maintenance, "Maintenance",
                "Rollouts leave the host out while somebody works on it, and nobody is told that it is away."
            ),
            (.pinned, "Pin", "The host keeps what it runs: rollouts leave it out."),
        ] where view.standing == nil || view.standing == .active {
            let isMarked = marks.contains(mark)
            acts.append(
                ConsoleAct(
                    id: mark.rawValue, group: "acts", label: isMarked ? "End \(label.lowercased())" : label,
                    says: isMarked ? "Rollouts take the host along again." : says,
                    address: isMarked ? "\(base)/unmark" : "\(base)/mark",
                    fields: [.fixed("mark", mark.rawValue), .reason(isRequired: true)]))
        }
        return acts
    }

    func releaseActs(_ name: ReleaseName, for person: PersonRecord) -> [ConsoleAct] {
        guard let view = try? releaseView(name) else { return [] }
        let standing = view.environments.filter { $0.withdrawnAt == nil }.map(\.environment)
        func places(_ permissions: Permission...) -> [EnvironmentName] {
            standing.filter { place in
                let object = ScopedObject(product: name.product, environment: place)
                return permissions.allSatisfy { person.may($0, on: object) }
            }
        }
        func act(_ verb: String, _ label: String, _ says: String, _ places: [EnvironmentName]) -> [ConsoleAct] {
            guard !places.isEmpty else { return [] }
            return [
                ConsoleAct(
                    id: verb, group: "acts", label: label, says: says,
                    address: ReleasePanel.link(name) + "/\(verb)", weight: .dangerous,
                    fields: [
                        .choice(
                            "environment", label: "Environment",
                            options: places.map { (value: $0.text, words: $0.text) }),
                        .reason(isRequired: true),
                    ])
            ]
        }
        let unrevoked = places(.revokeReleases).filter { place in
            view.environments.contains { $0.environment == place && $0.revocation == nil }
        }
        return act(
            "revoke", "Revoke",
            "At once, no host of the environment may install it any more. Hosts that run it go on: back the rollout out to "
                + "bring them back.", unrevoked)
            // Where the controller holds the approvers' keys, it signs for those alone who may approve.
            + act(
                "withdraw", "Withdraw",
                "For good: the approvers' role itself says that no host may install it. Where people hold the keys, they are "
                    + "asked to sign.",
                keys.approvers.isEmpty ? places(.revokeReleases) : places(.revokeReleases, .approveReleases))
    }

    func calendarActs(for person: PersonRecord) -> [ConsoleAct] {
        var acts: [ConsoleAct] = []
        if person.may(.deploy) {
            let isEverywhere = person.mayEverywhere(.deploy)
            let environments =
                (isEverywhere ? [(value: "", words: "all")] : [])
                + configuration.environments.filter { place in
                    isEverywhere
                        || (person.grants ?? []).contains {
                            $0.set.permissions.contains(.deploy) && ($0.scope.environment ?? place) == place
                        }
                }.map { (value: $0.text, words: $0.text) }
            acts.append(
                ConsoleAct(
                    id: "freeze", group: "acts", label: "Freeze now",
                    says:
                        "Every rollout in scope halts, but back-outs, and none starts until somebody lifts the freeze.",
                    address: "/console/freezes", weight: .dangerous,
                    fields: [
                        .choice("environment", label: "Environment", options: environments),
                        .text("product", label: "Only this product"),
                        .text("hosts", label: "Only rollouts that touch", hint: "role=shop"),
                        .reason(isRequired: true),
                    ]))
        }
        for record in state.standingFreezes {
            let it = record.declared
            guard
                person.mayEverywhere(.deploy)
                    || scopedObjects(it.product, it.environment, matching: it.hosts).allSatisfy({
                        person.may(.deploy, on: $0)
                    })
            else { continue }
            acts.append(
                ConsoleAct(
                    id: "lift-\(it.id)", group: "acts", label: "Lift \(it.id)",
                    says:
                        "The freeze of \(record.view.scopeWords) ends. What it halted stays halted until somebody resumes it.",
                    address: "/console/freezes/\(it.id)/lift"))
        }
        return acts
    }
}
