import Effects
import ReleaseDefinition

/// What a gate is asked about.
struct GateContext: Sendable {
    var rollout: RolloutID
    var release: ReleaseName
    var environment: EnvironmentName
    /// From 1.
    var phase: Int
    /// Those that have the release, and those that do not have it yet.
    var updated: [HostID]
    var others: [HostID]
    /// When the rollout began: what to compare with where no other host is left.
    var startedAt: UTCInstant
}

/// Asks the sources of gates. Every question is bounded in time and in what it may answer; nothing goes through a shell,
/// no redirect is followed.
struct GateRunner: Sendable {
    static let folderName = "gates"
    /// Whom `https` sources are believed by; beside the programs.
    static let authorityName = "gates/authority.pem"
    private static let answerMax = ByteCount(1 << 20)

    var http: any HTTPDoor
    var processes: any ProcessDoor
    /// The controller's folder.
    var folder: ControllerDirectory

    /// Of the folder, as it is now.
    static func live(_ folder: ControllerDirectory) throws -> GateRunner {
        let hasAuthority = try folder.directory.status(authorityName) != nil
        let identity = hasAuthority ? TLSIdentity(trustRoots: try folder.text(authorityName)) : nil
        return GateRunner(
            http: try LiveHTTP(identity: identity, userAgent: "slipway-controller/\(SlipwayVersion.text)"),
            processes: LiveProcesses(), folder: folder)
    }

    /// Never throws: what cannot be asked has no data.
    func judge(_ gate: GateDefinition, _ context: GateContext) async -> GateJudgement {
        switch gate.source {
        case .prometheus(let it): await judge(it, context, gate.timeout)
        case .command(let it): await judge(it, context, gate)
        case .webhook(let it): await judge(it, context, gate)
        }
    }

    // MARK: PromQL

    private func judge(_ gate: PrometheusGate, _ context: GateContext, _ timeout: TimeSpan) async -> GateJudgement {
        let own = await ask(gate, context.updated, at: nil, timeout)
        guard case .worseThanOthersBy = gate.limit else { return GateEvaluation.judge(gate.limit, own: own) }
        guard context.others.isEmpty else {
            let count = context.others.count
            let others = await ask(gate, context.others, at: nil, timeout)
            return GateEvaluation.judge(
                gate.limit, own: own, others: others,
                comparedWith: "\(count) \(count == 1 ? "host" : "hosts") without the release")
        }
        let before = await ask(gate, context.updated, at: context.startedAt, timeout)
        return GateEvaluation.judge(gate.limit, own: own, others: before, comparedWith: "the same hosts before it")
    }

    private func ask(
        _ gate: PrometheusGate, _ hosts: [HostID], at moment: UTCInstant?, _ timeout: TimeSpan
    ) async -> MetricAnswer {
        var form = [("query", gate.query(for: hosts)), ("timeout", "\(max(1, timeout.milliseconds / 1000))s")]
        if let moment { form.append(("time", moment.description)) }
        let body = form.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&")
        let request = HTTPRequest(
            "POST", gate.url + "/api/v1/query",
            headers: [
                HTTPField("Content-Type", "application/x-www-form-urlencoded"), HTTPField("Accept", "application/json"),
            ], body: Array(body.utf8), responseSizeMax: Self.answerMax, timeout: timeout)
        do {
            let response = try await http.send(request)
            return PrometheusAnswer.read(response.body, status: response.status)
        } catch {
            return .unreachable(ReportedError(error).summary)
        }
    }

    // MARK: programs

    private func judge(_ gate: CommandGate, _ context: GateContext, _ definition: GateDefinition) async -> GateJudgement
    {
        let place = FolderProgram(folder: folder, directory: Self.folderName, name: gate.program)
        do {
            if let trouble = try place.trouble() { return GateJudgement(.noData, trouble) }
            let result = try await processes.run(
                ProcessCommand(
                    executable: place.path, arguments: gate.arguments, environment: environment(context, definition),
                    workingDirectory: folder.path(Self.folderName), timeout: definition.timeout))
            switch result.end {
            case .exited(let code):
                return GateEvaluation.judge(exitCode: code, lastLine: FolderProgram.lastLine(of: result.output))
            case .signalled(let signal):
                return GateJudgement(.inconclusive, "it was ended by signal \(signal)")
            case .timedOut:
                return GateJudgement(.inconclusive, "it was not done within \(definition.timeout)")
            }
        } catch {
            return GateJudgement(.noData, ReportedError(error).summary)
        }
    }

    private func environment(_ context: GateContext, _ gate: GateDefinition) -> [String: String] {
        [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "SLIPWAY_GATE": gate.name.text,
            "SLIPWAY_ROLLOUT": context.rollout.text, "SLIPWAY_RELEASE": context.release.description,
            "SLIPWAY_ENVIRONMENT": context.environment.text, "SLIPWAY_PHASE": String(context.phase),
            "SLIPWAY_HOSTS": GateHosts.some(context.updated, countMax: 500).map(\.text).joined(separator: ","),
            "SLIPWAY_OTHER_HOSTS": GateHosts.some(context.others, countMax: 500).map(\.text).joined(separator: ","),
        ]
    }

    // MARK: webhooks

    private func judge(_ gate: WebhookGate, _ context: GateContext, _ definition: GateDefinition) async -> GateJudgement
    {
        let question = GateQuestion(
            gate: definition.name, rollout: context.rollout, release: context.release, environment: context.environment,
            phase: context.phase, hosts: GateHosts.some(context.updated), otherHosts: GateHosts.some(context.others))
        do {
            let request = HTTPRequest(
                "POST", gate.url, headers: [HTTPField("Content-Type", "application/json")],
                body: try JSONCoding.value(of: question).wireBytes, responseSizeMax: ByteCount(64 << 10),
                timeout: definition.timeout)
            let response = try await http.send(request)
            guard (200..<300).contains(response.status) else {
                return GateJudgement(.noData, "\(gate.url) answers \(response.status)")
            }
            guard let answer = try? JSONCoding.decode(GateAnswer.self, from: response.body) else {
                return GateJudgement(
                    .inconclusive, "\(gate.url) answers something else than {\"verdict\": …, \"detail\": …}")
            }
            return GateJudgement(answer.verdict, FolderProgram.printable(answer.detail ?? "no detail is given"))
        } catch {
            return GateJudgement(.noData, ReportedError(error).summary)
        }
    }
}

/// The body that a webhook gets.
struct GateQuestion: Sendable, Codable {
    var gate: GateName
    var rollout: RolloutID
    var release: ReleaseName
    var environment: EnvironmentName
    var phase: Int
    var hosts: [HostID]
    var otherHosts: [HostID]
}

/// The body that it answers with.
struct GateAnswer: Sendable, Codable {
    var verdict: GateVerdict
    var detail: String?
}
