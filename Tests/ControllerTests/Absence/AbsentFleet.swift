import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

/// A controller with ten thousand hosts and a rollout under way, at the moment in which it goes: everything that the
/// hosts have then, by a seed.
struct AbsentFleet {
    static let count = 10_000
    /// Of the hosts whose renewal is due and that are back already, one in so many renews for real.
    static let renewalsSampled = 16
    static let waveSize = 300

    let test: TestController
    let time: ManualTime
    let wentAt: UTCInstant
    var hosts: [AbsentHost] = []
    var before: ServedRepository
    let core: ClientCore
    let wanted: SHA256Digest

    /// Joins them, gives them release 1.0, begins to roll out 1.1 to some, and stops.
    init(_ random: SeededRandom) async throws {
        let start = SystemTime().now().wholeSeconds
        let time = ManualTime(now: start)
        let test = try TestController(time: time)
        var hosts: [AbsentHost] = []
        var stores: [[String: [UInt8]]] = []
        let made = try await test.run { running in
            let controller = running.controller
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            stores.append(try await Self.store(of: controller, at: time.now()))
            #expect(try await TestFleet.submit("1.1", by: admin).status == 201)
            stores.append(try await Self.store(of: controller, at: time.now()))
            hosts = try await Self.join(controller, random, at: time.now())
            var definition = try TestFleet.definition("1.1")
            definition.hosts = try HostQuery("wave=1")
            let streams = hosts.indices.prefix(Self.waveSize).filter { hosts[$0].delivery == .push }
                .compactMap { index in controller.hub.open(hosts[index].id).map { (index, $0) } }
            let plan = try await controller.plan(definition, by: "person:admin")
            _ = try await controller.start(
                definition, plan: plan.digest, acceptHostChanges: 0, by: "person:admin")
            for (index, stream) in streams {
                guard let order = await stream.nextOrder(controller) else { continue }
                hosts[index].heldOrder = order
            }
            await admin.close()
            let release = try await controller.release(ReleaseName("web@1.1")).submitted
            return (release, ServedRepository(await controller.repository.files, number: 0))
        }
        (self.test, self.time, self.hosts, before, wentAt) = (test, time, hosts, made.1, time.now())
        wanted = made.0.manifest
        let place = ApprovalPlace.environment(try EnvironmentName("staging"))
        core = try ClientCore(stores: stores, target: TargetPath.manifest(place, made.0.release), at: start)
    }

    /// What a host has on its disk after an update now.
    private static func store(of controller: Controller, at now: UTCInstant) async throws -> [String: [UInt8]] {
        var store = ["root.json": Array(controller.firstRoot.utf8)]
        var refresh = try MetadataRefresh(stored: store, at: now)
        try ServedRepository(await controller.repository.files, number: 0).run(&refresh, store: &store)
        return store
    }

    /// Into the log, as `join` and the first inventory do it.
    private static func join(
        _ controller: Controller, _ random: SeededRandom, at now: UTCInstant
    ) async throws -> [AbsentHost] {
        let environment = try EnvironmentName("staging")
        let invitation = Invitation(
            id: "fleet", tokenHash: SHA256Digest(of: [1]), environment: environment, labels: [:], host: nil,
            uses: count, expiresAt: now + .hours(1))
        let running = InstalledRelease(
            release: try ReleaseName("web@1.0"),
            manifest: try await controller.release(ReleaseName("web@1.0")).submitted.manifest, isHealthy: true)
        var hosts: [AbsentHost] = []
        var change = StoreChange(events: [NewEvent(actor: "test", event: .hostsInvited(invitation))])
        for number in 0..<count {
            let host = try await make(number, controller, random, at: now)
            let labels = number < waveSize ? ["wave": "1"] : [:]
            let key = host.identity == nil ? SHA256Digest(of: random.bytes(32)) : host.facts.fingerprint
            change.events.append(
                NewEvent(
                    actor: "test",
                    event: .hostJoined(
                        HostJoined(
                            host: host.id, invitation: "fleet", environment: environment, labels: labels,
                            machineID: host.session.machine, certificate: host.facts.fingerprint,
                            certificateNotAfter: host.facts.notAfter, key: key,
                            authority: try await controller.authorities.issuing.digest))))
            let inventory = HostInventory(
                agentVersion: "1", machineID: "m", delivery: host.delivery,
                checkInterval: host.delivery == .pull ? AbsentHost.checkInterval : nil, installed: [running])
            change.reports.append(
                StoredReport(
                    host: host.id, report: HostReport(sequence: 1, at: now, body: .inventory(inventory)),
                    receivedAt: now))
            hosts.append(host)
        }
        try await controller.commit(change, at: now)
        return hosts
    }

    /// Every third host pulls. 96 in 100 renewed whenever it was due; the others were off again and again, and what they
    /// have is anything up to its last hour.
    private static func make(
        _ number: Int, _ controller: Controller, _ random: SeededRandom, at now: UTCInstant
    ) async throws -> AbsentHost {
        let id = HostID(unchecked: "host-\(number)")
        func certificate(_ age: Int64) -> StoredIdentity.Facts {
            let issued = now - TimeSpan(milliseconds: age)
            return StoredIdentity.Facts(
                leafPEM: "", fingerprint: SHA256Digest(of: random.bytes(32)),
                notBefore: issued - CertificateAuthority.clockTolerance,
                notAfter: issued + CertificateAuthority.hostLifetime)
        }
        var facts: StoredIdentity.Facts
        if number % 25 == 3 {
            facts = certificate(
                TimeSpan.hours(18 * 24).milliseconds + random.fraction(of: TimeSpan.hours(287).milliseconds))
        } else {
            repeat {
                facts = certificate(random.fraction(of: TimeSpan.days(18).milliseconds))
            } while facts.renewAt < now
        }
        var identity: StoredIdentity?
        let returnsAt = now + LongAbsence.length
        let isDue = facts.renewAt < returnsAt
        if facts.notAfter <= returnsAt || isDue && number % renewalsSampled == 0 {
            let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
            let authority = try await controller.authorities.issuing
            let leaf = try authority.issueHost(
                HostKey(signingRequestPEM: SigningRequest.pem(keyPEM: key)), host: id, serial: random.bytes(20),
                at: facts.notAfter - CertificateAuthority.hostLifetime)
            let chain = leaf + (try authority.pem)
            identity = StoredIdentity(keyPEM: key, chain: chain, authorities: try authority.pem)
            facts = try StoredIdentity.Facts(chain: chain)
        }
        var host = AbsentHost(
            id: id, delivery: number % 3 == 1 ? .pull : .push,
            session: AgentSession(machine: "m\(number)", boot: "b", process: "p\(number)"), store: number % 2,
            facts: facts, identity: identity,
            highest: HighestTime.Mark(highest: now - TimeSpan(milliseconds: random.fraction(of: 60_000))))
        // A board without a battery: off meanwhile as well, and its clock stands where it stood.
        if number % 500 == 7 { host.clockIsLateBy = TimeSpan.days(5).milliseconds }
        return host
    }
}

extension AgentHub.Session {
    /// What has been sent to the host so far: orders, up to a mark of the test's own.
    func orders(_ controller: Controller) async -> [JSONValue] {
        controller.hub.send(.refresh, sequence: 0, to: host)
        var found: [JSONValue] = []
        for await case .order(let order, _) in items {
            switch order {
            case .assignment(let envelope): found.append(envelope)
            case .refresh: return found
            default: continue
            }
        }
        return found
    }

    func nextOrder(_ controller: Controller) async -> JSONValue? { await orders(controller).last }
}
