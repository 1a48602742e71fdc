import AgentProtocol
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Hosts that were let in")
struct HostGateTests {
    private let gate = HostGate()
    private let host = HostID(unchecked: "web-1")
    private let certificate = SHA256Digest(of: Array("one".utf8))
    private let agent = AgentSession(machine: "m", boot: "b", process: "1")
    private let copy = AgentSession(machine: "m", boot: "b", process: "2")
    private let now = UTCInstant(secondsSince1970: 1_800_000_000)

    @Test("Only the same certificate of the same agent is known again, and not beyond its end")
    func known() {
        #expect(gate.host(certificate, agent, at: now) == nil)
        gate.keep(host, certificate, agent, until: now + .seconds(60))
        #expect(gate.host(certificate, agent, at: now) == host)
        #expect(gate.host(certificate, nil, at: now) == host)
        #expect(gate.host(certificate, copy, at: now) == nil)
        #expect(gate.host(SHA256Digest(of: []), agent, at: now) == nil)
        #expect(gate.host(certificate, agent, at: now + .seconds(60)) == nil)
    }

    @Test("Whatever the log says of a host's identity makes it forgotten; of another host's, not")
    func forgotten() {
        let events: [ControllerEvent] = [
            .hostRevoked(HostStandingChanged(host: host, reason: "stolen")),
            .hostRetired(HostStandingChanged(host: host, reason: "old")),
            .hostUnlocked(HostStandingChanged(host: host, reason: "looked")),
            .hostQuarantined(HostQuarantined(host: host, sessions: [agent, copy])),
            .certificateTaken(CertificateTaken(host: host, fingerprint: certificate)),
        ]
        for event in events {
            gate.keep(host, certificate, agent, until: now + .seconds(60))
            gate.hear(.hostRevoked(HostStandingChanged(host: HostID(unchecked: "web-2"), reason: "stolen")))
            #expect(gate.host(certificate, agent, at: now) == host)
            gate.hear(event)
            #expect(gate.host(certificate, agent, at: now) == nil)
        }
    }

    @Test("A host is known by one certificate: its next one makes the one before unknown")
    func oneCertificate() {
        let next = SHA256Digest(of: Array("two".utf8))
        gate.keep(host, certificate, agent, until: now + .seconds(60))
        gate.keep(host, next, copy, until: now + .seconds(60))
        #expect(gate.host(certificate, agent, at: now) == nil)
        #expect(gate.host(next, copy, at: now) == host)
    }
}
