import Effects
import ReleaseDefinition
import ReleasePackaging

/// Asks one question of a running unit.
struct HealthProber: Sendable {
    struct Answer: Sendable, Equatable {
        var passed: Bool
        /// What was answered; of a failure the beginning of it.
        var detail: String
    }

    private static let bodyShownMax = 2048

    var http: any HTTPDoor
    var processes: any ProcessDoor
    var environment: StepEnvironment
    var systemctl: Systemctl
    var reach: @Sendable (String, TimeSpan) async throws -> TCPReach.Answer = {
        try await TCPReach.ask($0, timeout: $1)
    }
    var now: @Sendable () -> UTCInstant

    func ask(_ check: HealthCheck, of unit: ManifestUnit, in stored: StoredRelease) async -> Answer {
        do {
            switch check.probe {
            case .http(let url, let status):
                return try await askHTTP(url, of: unit, in: stored, status: status, timeout: check.timeout)
            case .command(let words):
                return try await askCommand(words, of: unit, in: stored, timeout: check.timeout)
            case .tcp(let address): return try await askTCP(address, of: unit, in: stored, timeout: check.timeout)
            case .systemd(let unitName):
                let name = SystemdService(unit: unitName).unit(in: stored.slots[unit.name])
                let state = try await systemctl.state(name, timeout: check.timeout)
                return Answer(passed: state == "active", detail: "\(name) is \(state.isEmpty ? "unknown" : state).")
            case .file(let probe): return try askFile(probe, of: unit, in: stored)
            case .metric(let probe): return try await ask(probe, of: unit, in: stored, timeout: check.timeout)
            }
        } catch let error as EffectsError where error.code == "effects.http.unreachable" {
            // What is to be done about it is not a word about the network: it is said where the whole unit is looked at.
            return Answer(passed: false, detail: "\(error.summary)\(error.cause.map { " (\($0))" } ?? "")")
        } catch {
            return Answer(passed: false, detail: ReportedError(error).description)
        }
    }

    /// The port of this machine that a check asks; nil: none, or another machine's.
    func port(_ check: HealthCheck, of unit: ManifestUnit, in stored: StoredRelease) -> UInt16? {
        let text: String
        switch check.probe {
        case .http(let url, _): text = url
        case .tcp(let address): text = address
        // A page of metrics may be another program's, as an exporter's.
        case .command, .systemd, .file, .metric: return nil
        }
        guard let whole = try? Variables.expand(text, environment.variables(for: unit, of: stored)) else { return nil }
        let place = whole.split(separator: "/", omittingEmptySubsequences: true).first { !$0.hasSuffix(":") } ?? ""
        let parts = place.split(separator: ":")
        guard
            ["127.0.0.1", "localhost", "[", "0.0.0.0"].contains(parts.first.map(String.init) ?? "")
                || place.hasPrefix("[::1]")
        else { return nil }
        return parts.count > 1 ? parts.last.flatMap { UInt16($0) } : nil
    }

    private func askHTTP(
        _ url: String, of unit: ManifestUnit, in stored: StoredRelease, status: Int, timeout: TimeSpan
    ) async throws -> Answer {
        let url = try Variables.expand(url, environment.variables(for: unit, of: stored))
        let response = try await http.send(
            HTTPRequest("GET", url, responseSizeMax: ByteCount(1 << 20), timeout: timeout))
        if response.status == status { return Answer(passed: true, detail: "\(url) answered \(status).") }
        return unexpected(response, of: url, status: status)
    }

    func unexpected(_ response: HTTPResponse, of url: String, status: Int) -> Answer {
        // On one line, because it becomes a line of a log and of a table.
        let body = String(decoding: response.body.prefix(Self.bodyShownMax), as: UTF8.self)
            .split(whereSeparator: \.isNewline).joined(separator: " / ")
        return Answer(
            passed: false, detail: "\(url) answered \(response.status), expected was \(status). Body: \(body)")
    }

    private func askTCP(
        _ address: String, of unit: ManifestUnit, in stored: StoredRelease, timeout: TimeSpan
    ) async throws -> Answer {
        let address = try Variables.expand(address, environment.variables(for: unit, of: stored))
        switch try await reach(address, timeout) {
        case .taken: return Answer(passed: true, detail: "\(address) takes connections.")
        case .refused: return Answer(passed: false, detail: "\(address) refuses connections.")
        case .unreachable(let why): return Answer(passed: false, detail: "\(address) cannot be reached. \(why)")
        }
    }

    private func askFile(_ probe: FileProbe, of unit: ManifestUnit, in stored: StoredRelease) throws -> Answer {
        let path = try Variables.expand(probe.path, environment.variables(for: unit, of: stored))
        let whole = path.hasPrefix("/") ? path : try stored.treePath(unit) + "/" + path
        let (above, name) = Directory.split(whole)
        let folder: Directory
        do { folder = try Directory.open(above) } catch {
            return Answer(passed: false, detail: "\(whole) is not there.")
        }
        guard let status = try folder.status(name), status.kind == .file else {
            return Answer(passed: false, detail: "\(whole) is not there, or no file.")
        }
        if let youngerThan = probe.youngerThan {
            let age = now().since(status.modifiedAt)
            guard age <= youngerThan else {
                return Answer(
                    passed: false, detail: "\(whole) was written \(age) ago, expected \(youngerThan) at most.")
            }
        }
        if let text = probe.contains {
            let bytes = try folder.openFile(name).read(upTo: 64 << 10)
            guard bytes.firstRange(of: Array(text.utf8)) != nil else {
                return Answer(passed: false, detail: "\(whole) does not hold \(text.debugDescription).")
            }
        }
        return Answer(passed: true, detail: "\(whole) is as expected.")
    }

    private func askCommand(
        _ words: [String], of unit: ManifestUnit, in stored: StoredRelease, timeout: TimeSpan
    ) async throws -> Answer {
        let tree = try stored.treePath(unit)
        let command = try ProgramWords(words, tree: tree, variables: environment.variables(for: unit, of: stored))
        let result = try await processes.run(
            ProcessCommand(
                executable: command.executable, arguments: command.arguments,
                environment: environment.values(for: unit, of: stored), workingDirectory: tree, timeout: timeout))
        if result.end == .exited(0) { return Answer(passed: true, detail: "\(command.executable) ended with 0.") }
        return Answer(
            passed: false,
            detail: "\(command.executable) ended with \(result.end). Output: \(result.output.tail(Self.bodyShownMax))")
    }
}

/// `[bin/serve, --port, ${PORT}]`: the first word is relative to the tree, or absolute.
struct ProgramWords: Sendable, Equatable {
    let executable: String
    let arguments: [String]

    init(_ words: [String], tree: String, variables: [String: String]) throws(AgentError) {
        var expanded: [String] = []
        for word in words { expanded.append(try Variables.expand(word, variables)) }
        guard let first = expanded.first, !first.isEmpty else {
            throw AgentError(
                code: "command.empty", summary: "A command of the release has no words.",
                remedy: "Write the program in release.yaml.")
        }
        executable = first.hasPrefix("/") ? first : tree + "/" + first
        arguments = Array(expanded.dropFirst())
    }
}
