import AgentProtocol
import Effects
import ReleaseDefinition
import ReleasePackaging

/// What a rehearsal saw, as the predicate of an in-toto statement about the release's manifest.
struct RehearsalRecord: Codable, Sendable, Equatable {
    static let predicateType = "urn:slipway:predicate:rehearsal:v1"

    struct Step: Codable, Sendable, Equatable {
        /// `install`, `back-out`, `compare`, `install again`.
        var what: String
        var outcome: String
        var endedAt: UTCInstant
    }

    /// What the controller ordered; nil: by hand.
    var order: OrderID?
    var host: HostID
    var environment: EnvironmentName
    var agentVersion: String
    var startedAt: UTCInstant
    /// What ran before; nil: nothing of the product.
    var from: HostRelease?
    var steps: [Step]
    /// What was compared: places, packages, services.
    var before: HostPrint
    var after: HostPrint?
    /// Empty: after the back-out the host was exactly as before.
    var differences: [String]
    /// Units whose effects nobody can list: scripts, migrations. Their own back-out ran, and that is all that is known.
    var notCompared: [String]
    /// Whether it went as it must: installed, backed out, equal, installed.
    var isProved: Bool

    /// in-toto Statement v1.
    func statement(about release: HostRelease) throws -> [UInt8] {
        let subject = JSONValue.object([
            JSONMember("digest", .object([JSONMember("sha256", .string(release.manifest.hex))])),
            JSONMember("name", .string(release.name.description)),
        ])
        return JSONValue.object([
            JSONMember("_type", .string("https://in-toto.io/Statement/v1")),
            JSONMember("predicate", try JSONCoding.value(of: self)),
            JSONMember("predicateType", .string(Self.predicateType)),
            JSONMember("subject", .array([subject])),
        ]).canonicalBytes
    }

    static let payloadType = "application/vnd.in-toto+json"
}

extension Agent {
    /// By hand: installs, backs out, compares, installs. Whatever goes wrong is in the record, and ends it there.
    /// - Throws: where nothing could be begun.
    func rehearse(_ source: ExportedSource) async throws -> (record: RehearsalRecord, release: HostRelease) {
        try await driveByHand()
        let word = try source.authorise(revoked: []).assignment
        let subject = HostRelease(name: word.release, manifest: word.manifest)
        guard host.record(of: subject.name.product).current != subject else {
            throw AgentError(
                code: "rehearsal.runs", summary: "\(subject) runs on this host already.",
                remedy: "Back it out first: slipway-agent back-out \(subject.name.product).")
        }
        var places = HostPlaces()
        try source.places(into: &places)
        let seen = try await rehearse(subject, places, order: nil) { try await self.install(source).outcome }
        return (seen.record, subject)
    }

    /// - Returns: what was seen, and the word on the order: of the first step that did not go as it must.
    func rehearse(
        _ subject: HostRelease, _ wanted: HostPlaces, order: OrderID?, install: () async throws -> HostOutcome
    ) async throws -> (record: RehearsalRecord, outcome: HostOutcome) {
        let product = subject.name.product
        let former = host.record(of: product).current
        var places = wanted
        if let former {
            let stored = try store.stored(former)
            try places.add(stored.manifest) { try PayloadIndex(parsing: stored.index($0), for: $0.payload) }
        }
        let before = try await print(places, product)
        var record = RehearsalRecord(
            order: order, host: configuration.host, environment: configuration.environment,
            agentVersion: AgentCommand.version, startedAt: time.now(), from: former, steps: [],
            before: before.folded(), after: nil, differences: [], notCompared: places.unseen.sorted(), isProved: false)
        func note(_ what: String, _ outcome: String) {
            record.steps.append(RehearsalRecord.Step(what: what, outcome: outcome, endedAt: time.now()))
        }
        let first = try await install()
        note("install", first.words)
        guard first == .succeeded else { return (record, first) }
        let back = try await backOut(product, of: order?.rollout).outcome
        note("back-out", back.words)
        guard back == .backedOut(nil) else { return (record, back) }
        let after = try await print(places, product)
        record.after = after.folded()
        record.differences = after.differences(from: before)
        note("compare", record.differences.isEmpty ? "equal" : "\(record.differences.count) differences")
        guard record.differences.isEmpty else { return (record, .failed(.backOut)) }
        let second = try await install()
        note("install again", second.words)
        record.isProved = second == .succeeded
        return (record, second)
    }

    private func print(_ places: HostPlaces, _ product: ProductName) async throws -> HostPrint {
        var services: [String: String] = [:]
        for unit in places.systemd {
            services[unit] = try await operations.systemctl.state(unit, timeout: .seconds(10))
        }
        let running = host.record(of: product).current
        if let running, var stored = try? store.stored(running) {
            stored.slots = host.record(of: product).slotsByUnit
            for unit in stored.manifest.units {
                guard case .command = unit.definition.service else { continue }
                let key = operations.key(unit, stored)
                let status = await operations.services.status(key, release: running)
                services["\(key)"] = status.isRunning ? "runs \(running.folder)" : "stopped"
            }
        }
        return try places.print(
            root: configuration.root,
            packages: SystemInventory(folder: folder.base, root: configuration.root).packagesDigest(),
            services: services, running: running)
    }
}
