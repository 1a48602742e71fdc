import AgentProtocol
import ControllerAPI
import Effects
import Logging
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

/// The hosts' loops on a clock of tenths of a second: each asks the agent's own rules when to try again, and the real
/// controller what it gets.
///
/// Five days are not played through: what a host does in its last hours without a controller is what it did in all.
struct LongAbsence {
    static let length = TimeSpan.days(5)
    private static let tick: Int64 = 100
    private static let leadIn = TimeSpan.hours(2).milliseconds
    static let horizon = TimeSpan.minutes(75).milliseconds
    /// Connections a second that the machine takes; the rest find it busy.
    static let capacity = 400

    enum Act { case connect, look, poll, renew }

    var fleet: AbsentFleet
    let random: SeededRandom
    private var agenda: [[(Act, Int)]]
    private var streams: [Int: AgentHub.Session] = [:]
    /// By second after the return.
    private(set) var arrivals: [Int: Int] = [:]
    private var taken: [Int: Int] = [:]
    private(set) var refusals: [String: Int] = [:]
    private(set) var renewedByProof = 0
    private(set) var renewedByConnection = 0

    init(_ fleet: AbsentFleet, _ random: SeededRandom) {
        self.fleet = fleet
        self.random = random
        agenda = Array(repeating: [], count: Int((Self.leadIn + Self.horizon) / Self.tick) + 1)
    }

    private mutating func plan(_ act: Act, _ host: Int, at moment: Int64) {
        let slot = Int((moment + Self.leadIn + Self.tick) / Self.tick)
        if agenda.indices.contains(slot) { agenda[slot].append((act, host)) }
    }

    /// - Parameter moment: milliseconds since the return.
    private func now(_ moment: Int64) -> UTCInstant {
        fleet.wentAt + Self.length + TimeSpan(milliseconds: moment)
    }

    private func clock(of host: AbsentHost, _ moment: Int64) -> UTCInstant {
        (now(moment) - TimeSpan(milliseconds: host.clockIsLateBy)).wholeSeconds
    }

    /// The last hours without the controller, its return, and an hour with it.
    mutating func play() async throws {
        begin()
        for slot in 0..<Int(Self.leadIn / Self.tick) { try fail(slot) }
        fleet.time.advance(by: Self.length)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let controller = try Controller(directory: fleet.test.folder.path, time: fleet.time, logger: logger)
        try await controller.resume()
        _ = await controller.renewWhereDue(at: fleet.time.now())
        let present = ServedRepository(await controller.repository.files, number: 1)
        for slot in Int(Self.leadIn / Self.tick)..<agenda.count {
            if slot > Int(Self.leadIn / Self.tick) { fleet.time.advance(by: .milliseconds(Self.tick)) }
            let moment = Int64(slot) * Self.tick - Self.leadIn
            if moment == Controller.reconnectGrace.milliseconds { await controller.noteAbsentHosts() }
            for (act, host) in agenda[slot] { try await perform(act, host, moment, controller, present) }
        }
        controller.hub.closeAll(saying: Farewell.word)
        await controller.close()
    }

    private mutating func begin() {
        for index in fleet.hosts.indices {
            let host = fleet.hosts[index]
            switch host.delivery {
            case .push: plan(.connect, index, at: -120_000 + random.fraction(of: 30_000))
            case .pull: plan(.poll, index, at: -600_000 + random.fraction(of: AbsentHost.checkInterval.milliseconds))
            }
            if host.facts.renewAt <= now(0) {
                plan(.renew, index, at: -Self.leadIn + random.fraction(of: TimeSpan.hours(1).milliseconds))
            }
        }
    }

    // MARK: without the controller

    private mutating func fail(_ slot: Int) throws {
        let moment = Int64(slot) * Self.tick - Self.leadIn
        for (act, host) in agenda[slot] {
            if act != .renew { try staysPut(host, moment) }
            tryAgain(act, host, moment)
        }
    }

    private mutating func tryAgain(_ act: Act, _ host: Int, _ moment: Int64) {
        switch act {
        case .connect: plan(.connect, host, at: moment + fleet.hosts[host].stream.next(random).milliseconds)
        case .poll: plan(.poll, host, at: moment + random.spread(AbsentHost.checkInterval).milliseconds)
        case .look: plan(.look, host, at: moment + 30_000)
        case .renew:
            let wait = fleet.hosts[host].pace.next(fleet.hosts[host].facts.notAfter, at: now(moment), random)
            plan(.renew, host, at: moment + wait.milliseconds)
        }
    }

    /// With nothing but its own disk and a mirror that was left behind, a host installs nothing; it would back out.
    private mutating func staysPut(_ index: Int, _ moment: Int64) throws {
        guard let order = fleet.hosts[index].heldOrder, moment % 7_000 == 0 else { return }
        let host = fleet.hosts[index]
        let start = host.highest.start(clock(of: host, moment))
        hear(order, index, fleet.before, start, nil)
        #expect(fleet.core.stored(host.store, at: start).timestampVersion != nil, "the stored files are still believed")
    }

    // MARK: with it

    private mutating func perform(
        _ act: Act, _ index: Int, _ moment: Int64, _ controller: Controller, _ present: ServedRepository
    ) async throws {
        switch act {
        case .connect:
            guard arrives(moment), let host = try await admit(index, moment, controller),
                let stream = controller.hub.open(host)
            else { return tryAgain(.connect, index, moment) }
            fleet.hosts[index].stream.reset()
            fleet.hosts[index].admittedAt = moment
            streams[index] = stream
            await controller.contactBegan(host)
            try await look(index, moment, controller, present)
        case .look: try await look(index, moment, controller, present)
        case .poll:
            tryAgain(.poll, index, moment)
            guard !fleet.hosts[index].isBack else { return }
            try await poll(index, moment, controller, present)
        case .renew:
            guard arrives(moment), try await renew(index, moment, controller) else {
                return tryAgain(.renew, index, moment)
            }
        }
    }

    private mutating func arrives(_ moment: Int64) -> Bool {
        let second = Int(moment / 1000)
        arrivals[second, default: 0] += 1
        guard taken[second, default: 0] < Self.capacity else { return false }
        taken[second, default: 0] += 1
        return true
    }

    /// nil: TLS does not take a certificate that has run out.
    private mutating func admit(_ index: Int, _ moment: Int64, _ controller: Controller) async throws -> HostID? {
        let host = fleet.hosts[index]
        guard !host.isExpired(at: now(moment)) else {
            refusals["tls.certificateExpired", default: 0] += 1
            return nil
        }
        let admitted = try await controller.admit(certificate: host.facts.fingerprint, session: host.session)
        #expect(admitted == host.id)
        return admitted
    }

    private mutating func look(
        _ index: Int, _ moment: Int64, _ controller: Controller, _ present: ServedRepository
    ) async throws {
        guard index < AbsentFleet.waveSize, let stream = streams[index] else { return }
        plan(.look, index, at: moment + 30_000)
        let host = fleet.hosts[index]
        for envelope in await stream.orders(controller) {
            let start = host.highest.start(clock(of: host, moment))
            if let order = hear(envelope, index, present, start, fleet.wanted) {
                try await report(order, index, moment, controller)
            }
        }
    }

    private mutating func poll(
        _ index: Int, _ moment: Int64, _ controller: Controller, _ present: ServedRepository
    ) async throws {
        guard arrives(moment) else { return }
        let host = fleet.hosts[index]
        let start = host.highest.start(clock(of: host, moment))
        // Every tenth finds a cache that was left behind at its first look after the return.
        let isBehind = index % 10 == 1 && moment < AbsentHost.checkInterval.milliseconds
        let word = try JSONValue(
            parsing: controller.folder.directory.read(
                "repository/director/staging.web.json", sizeMax: ByteCount(1 << 20)))
        let order = hear(word, index, isBehind ? fleet.before : present, start, fleet.wanted)
        if !isBehind { fleet.hosts[index].refreshedAt = moment }
        guard try await admit(index, moment, controller) != nil else { return }
        fleet.hosts[index].admittedAt = moment
        if let order {
            try await report(order, index, moment, controller)
        } else {
            _ = try await controller.receive(HostReportBatch(reports: []), from: host.id)
        }
    }

    /// What the agent does with the director's word: both authorities, or nothing.
    @discardableResult
    private mutating func hear(
        _ envelope: JSONValue, _ index: Int, _ served: ServedRepository, _ start: UTCInstant, _ expected: SHA256Digest?
    ) -> Assignment? {
        let host = fleet.hosts[index]
        do {
            let trusted = try fleet.core.refreshed(host.store, from: served, at: start)
            let verified = try trusted.verify(
                assignment: envelope, for: host.id, environment: EnvironmentName("staging"), at: start)
            // As `HostState.isKnown`: an order that was carried out is sent again until its report is there.
            guard !host.installed.contains(verified.assignment.manifest) else { return nil }
            let release = try trusted.authorise(verified, at: start)
            fleet.hosts[index].installed.append(release.assignment.manifest)
            #expect(release.assignment.manifest == expected && index < AbsentFleet.waveSize)
            _ = fleet.hosts[index].highest.accept(start)
            return release.assignment
        } catch {
            refusals[(error as? TrustError)?.code ?? "\(error)", default: 0] += 1
            return nil
        }
    }

    private mutating func report(
        _ order: Assignment, _ index: Int, _ moment: Int64, _ controller: Controller
    ) async throws {
        fleet.hosts[index].sequence += 1
        let running = InstalledRelease(release: order.release, manifest: order.manifest, isHealthy: true)
        let outcome = OrderOutcome(order: order.order, release: order.release, outcome: .succeeded, running: running)
        let report = HostReport(sequence: fleet.hosts[index].sequence, at: now(moment), body: .outcome(outcome))
        _ = try await controller.receive(HostReportBatch(reports: [report]), from: fleet.hosts[index].id)
    }

    /// - Returns: whether there is nothing more to renew.
    private mutating func renew(_ index: Int, _ moment: Int64, _ controller: Controller) async throws -> Bool {
        let host = fleet.hosts[index]
        #expect(now(moment) < host.facts.notAfter + Controller.renewalGrace, "\(host.id) is past help")
        guard let identity = host.identity else {
            renewedByConnection += 1
            return try await admit(index, moment, controller) != nil
        }
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let request = try AgentLibrary.SigningRequest.pem(key)
        let answer: CertificateResponse
        if host.isExpired(at: now(moment)) {
            let proof = try Renewal.proof(
                of: identity, host.facts, host: host.id, nonce: await controller.renewalNonce(), request: request)
            answer = try await controller.renew(proof)
            renewedByProof += 1
            fleet.hosts[index].renewedAt = moment
        } else {
            guard let id = try await admit(index, moment, controller) else { return false }
            answer = try await controller.renew(CertificateRequest(certificateSigningRequest: request), of: id)
            renewedByConnection += 1
        }
        fleet.hosts[index].facts = try StoredIdentity.Facts(chain: answer.certificate)
        fleet.hosts[index].identity = StoredIdentity(
            keyPEM: key, chain: answer.certificate, authorities: answer.authorities)
        return true
    }
}
