import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// What a person can do with a rollout, in words. Whether it fits is the engine's to say: it is asked.
enum RolloutActs {
    /// So many hosts stand in a form, and of so many the engine is asked.
    static let hostsMax = 20
    static let askedMax = 200

    static func done(_ verb: RolloutVerb) -> String {
        switch verb {
        case .pause: "Paused: no new host starts until somebody resumes it."
        case .resume: "Resumed."
        case .halt: "Halted: no new host starts until somebody resumes it."
        case .stop: "It stops: what has begun on a host ends there, and no other starts."
        case .abort: "Aborted."
        case .promote: "Promoted: the next phase begins."
        case .retry: "These hosts get their order once more."
        case .skip: "These hosts are left out."
        case .backOut: "The back-out has begun."
        }
    }

    static func label(_ verb: RolloutVerb) -> String {
        switch verb {
        case .pause: "Pause"
        case .resume: "Resume"
        case .halt: "Halt"
        case .stop: "Stop"
        case .abort: "Abort"
        case .promote: "Promote"
        case .retry: "Retry hosts"
        case .skip: "Skip hosts"
        case .backOut: "Back out"
        }
    }

    static func says(_ verb: RolloutVerb, _ release: ReleaseName) -> String {
        switch verb {
        case .pause: "No new host starts. What has begun goes on to its end. It waits for you to resume it."
        case .resume: "It goes on where it stood."
        case .halt: "No new host starts, as after a failure. It is resumed or backed out by hand."
        case .stop: "It ends: hosts that have begun finish, no other starts. What is installed stays."
        case .abort: "It ends now. Hosts that have not switched drop their order."
        case .promote: "The phase that waits is passed, and the next begins."
        case .retry: "Hosts that failed or were not reached get their order once more."
        case .skip: "Hosts that have not begun, or were not reached, are left out of this rollout."
        case .backOut: "Hosts return from \(release) to what each ran before. It is the way out, and it has no undo."
        }
    }

    /// The order of the buttons: what helps first.
    static let order: [RolloutVerb] = [.promote, .resume, .retry, .skip, .pause, .halt, .stop, .abort, .backOut]

    /// What the engine is asked whether it fits; nil: it is about hosts that somebody names.
    static func command(_ verb: RolloutVerb) -> RolloutCommand? {
        let (by, reason) = ("", "")
        switch verb {
        case .pause: return .pause(by: by, reason: reason)
        case .resume: return .resume(by: by, reason: reason)
        case .halt: return .halt(by: by, reason: reason)
        case .stop: return .stop(by: by, reason: reason)
        case .abort: return .abort(.keep, by: by, reason: reason)
        case .promote: return .promote(by: by, reason: reason)
        case .backOut: return .backOut(.rollout, by: by, reason: reason)
        case .retry, .skip: return nil
        }
    }

    /// How many hosts a back-out would take back: all that have it, and those of the newest phase.
    struct Reach: Sendable {
        var rollout = 0
        var phase = 0
        /// `staging, role=web`
        var place = ""
    }

    /// - Parameters:
    ///   - hosts: those that it would fit; for retry and skip.
    ///   - of: so many there are.
    static func act(
        _ verb: RolloutVerb, on id: RolloutID, _ release: ReleaseName, hosts: [HostID], of count: Int = 0,
        reach: Reach = Reach()
    ) -> ConsoleAct {
        let scopes: [(String, String)] = [
            ("rollout", "every host that has it from this rollout (\(reach.rollout))"),
            ("phase", "the newest phase (\(reach.phase.of("host")))"),
        ]
        let named = hosts.prefix(hostsMax).map(\.text).joined(separator: " ")
        let fields: [ConsoleAct.Field] =
            switch verb {
            case .pause, .stop, .promote: [.reason(isRequired: false)]
            case .resume, .halt: [.reason(isRequired: true)]
            case .retry, .skip:
                [
                    .text(
                        "hosts", label: hosts.count < count ? "Hosts: the first \(hosts.count) of \(count)" : "Hosts",
                        value: named, hint: "Their names, a space between", isRequired: true),
                    .reason(isRequired: true),
                ]
            case .abort:
                [
                    .choice(
                        "scope", label: "What is installed",
                        options: [("", "stays")] + scopes.map { ($0.0, "is backed out: \($0.1)") }),
                    .reason(isRequired: true),
                ]
            case .backOut:
                [
                    .choice("scope", label: "How far", options: scopes.map { (value: $0.0, words: $0.1) }),
                    .text("hosts", label: "Or these hosts alone", hint: "Their names, a space between"),
                    .reason(isRequired: true),
                ]
            }
        return ConsoleAct(
            id: "\(verb.rawValue)-\(id)", group: "acts-\(id)", label: label(verb),
            says: says(verb, release) + (verb == .backOut ? " It is over \(reach.place)." : ""),
            address: "/console/rollouts/\(id)/\(verb.rawValue)",
            weight: [.stop, .abort, .backOut].contains(verb) ? .dangerous : .usual, fields: fields)
    }
}

extension Controller {
    private func reach(of record: RolloutRecord, _ plan: RolloutPlan) -> RolloutActs.Reach {
        let product = plan.definition.release.product
        let having = record.rollout.hostPlaces.filter { place in
            record.hosts[place.id]?.order != nil && state.hosts[place.id]?.running[product]?.manifest == plan.manifest
        }
        let newest = record.phases.filter { $0.value.startedAt != nil }.keys.max()
        let place = [
            plan.definition.environment.text, plan.definition.hosts == .all ? "all hosts" : plan.definition.hosts.text,
        ]
        return RolloutActs.Reach(
            rollout: having.count, phase: having.count { $0.phase == newest }, place: place.joined(separator: ", "))
    }

    /// What this person may do with it as it stands; nothing for who may not.
    func rolloutActs(_ id: RolloutID, for person: PersonRecord) -> [ConsoleAct] {
        guard let record = state.rollouts[id], let plan = record.plan, mayDeploy(person, id) else { return [] }
        let now = time.now()
        func fits(_ command: RolloutCommand) -> Bool {
            // One that would change nothing is no offer.
            (try? record.rollout.decide(command, at: now))?.isEmpty == false
        }
        let facts = record.isActive ? record.hosts : [:]
        return RolloutActs.order.compactMap { verb in
            var hosts: [HostID] = []
            var count = 0
            switch verb {
            case .retry:
                let ended = facts.filter { ![nil, .succeeded, .alreadyCurrent].contains($0.value.outcome) }.keys
                    .sorted()
                let fitting = ended.prefix(RolloutActs.askedMax).lazy.filter { fits(.retry([$0], by: "", reason: "")) }
                hosts = Array(fitting.prefix(RolloutActs.hostsMax))
                count = ended.count
                guard !hosts.isEmpty else { return nil }
            case .skip:
                // Those of the last phase begin last.
                let open = plan.hosts.reversed().lazy.map(\.id).filter { id in
                    facts[id]?.outcome.map { $0 == .offline } ?? record.isActive
                }
                guard open.prefix(RolloutActs.askedMax).contains(where: { fits(.skip([$0], by: "", reason: "")) })
                else { return nil }
                // Whom nobody can reach: the usual reason to leave a host out.
                hosts = facts.filter { $0.value.outcome == .offline }.keys.sorted()
                count = hosts.count
                hosts = Array(hosts.prefix(RolloutActs.hostsMax))
            case .backOut:
                let isLeft = !state.hostsLeft(on: record).isEmpty
                guard isLeft || fits(.backOut(.rollout, by: "", reason: "")) else { return nil }
            default:
                guard let command = RolloutActs.command(verb), fits(command) else { return nil }
            }
            return RolloutActs.act(
                verb, on: id, plan.definition.release, hosts: hosts, of: count, reach: reach(of: record, plan))
        }
    }
}
