import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

/// TLS looks at the machine's own clock, so the tests' time begins in the past and ends at most now.
@Suite("Renewal of a host's certificate")
struct RenewalTests {
    private func controller(daysAgo: Int64) throws -> (ManualTime, TestController) {
        let time = ManualTime(now: SystemTime().now() - .days(daysAgo))
        return (time, try TestController(time: time))
    }

    @Test("At half of its life the agent renews for a new key, and goes on with it without being asked")
    func halfLife() async throws {
        let (time, test) = try controller(daysAgo: 20)
        try await test.run { running in
            // Only the keeper sleeps by this one.
            let agentTime = ManualTime(now: time.now())
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running), time: agentTime)
            let first = try agent.stored
            #expect(try await agent.hello().status == 200)
            let task = Task { await agent.keeper.run() }
            func pass(_ span: TimeSpan) async {
                await agentTime.untilSleeping()
                time.advance(by: span)
                agentTime.advance(by: span)
            }
            await pass(.days(14))
            await agentTime.untilSleeping()
            #expect(try agent.stored.keyPEM == first.keyPEM, "before half of its life nothing happens")
            // Half, and a tenth at most for the spread.
            await pass(.days(4) + .hours(1))
            try await eventually { try agent.stored.keyPEM != first.keyPEM }
            #expect(try agent.stored.facts().notAfter > first.facts().notAfter)
            let new = try agent.stored.facts().fingerprint
            // Its first use of the new one voids the old.
            try await eventually {
                guard try await agent.hello().status == 200 else { return false }
                let identity = await running.controller.state.hosts[agent.id]?.identity
                return identity?.current.fingerprint == new && identity?.offered == nil
            }
            task.cancel()
            await task.value
            await agent.end()
        }
    }

    @Test("The old certificate is refused once the new one was used, and good until then")
    func overlap() async throws {
        let (time, test) = try controller(daysAgo: 20)
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            let old = try LiveHTTP(identity: agent.stored.tls, userAgent: "old")
            func useOld() async throws -> HTTPResponse {
                try await old.send(
                    HTTPRequest(
                        "POST", agent.keeper.controller + "/v1/agent/reports",
                        body: JSONCoding.value(of: HostReportBatch(reports: [])).wireBytes))
            }
            time.advance(by: .days(16))
            try await agent.keeper.renew()
            #expect(try await useOld().status == 200)
            #expect(try await agent.hello().status == 200)
            let refused = try await useOld()
            #expect(refused.status == 401)
            #expect(refused.problemCode == "controller.access.certificateSuperseded")
            await old.shutdown()
            await agent.end()
        }
    }

    @Test(
        "A host that was off renews by a proof of its key for 90 days after its certificate ran out",
        arguments: [31, 119])
    func afterExpiry(daysAgo: Int64) async throws {
        let (time, test) = try controller(daysAgo: daysAgo)
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            time.advance(by: .days(daysAgo))
            await #expect(throws: EffectsError.self) { _ = try await agent.hello() }
            try await agent.keeper.renew()
            #expect(try await agent.hello().status == 200)
            #expect(await running.controller.state.hosts[agent.id]?.identity.offered == nil)
            await agent.end()
        }
    }

    @Test("After 90 days the host must join again, and its status says so")
    func tooLate() async throws {
        let (time, test) = try controller(daysAgo: 121)
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            time.advance(by: .days(121))
            let task = Task { await agent.keeper.run() }
            try await eventually { StoredIdentity.notice(in: agent.keeper.tls) != nil }
            let notice = try #require(StoredIdentity.notice(in: agent.keeper.tls)).notice
            #expect(notice.code == "controller.access.renewalOver")
            #expect(notice.remedy.contains("slipway-agent join --again"))
            task.cancel()
            await task.value
            await agent.end()
        }
    }

    @Test("Whenever a host is killed while it renews, the controller knows it afterwards, and it renews again")
    func killed() async throws {
        let test = try TestController()
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            func restarted() throws -> EnrolledAgent {
                try EnrolledAgent(of: agent, session: AgentSession(machine: "m", boot: "b", process: "p2"))
            }
            // The controller answered, and the host never heard it: three times over.
            for _ in 1...3 {
                let request = try SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
                _ = try await running.controller.renew(
                    CertificateRequest(certificateSigningRequest: request), of: agent.id)
                #expect(try await agent.hello().status == 200)
            }
            // The answer is there, and none, one or both files are written; each with what a durable write leaves.
            let renewal = Renewal(
                controller: agent.keeper.controller, host: agent.id, http: agent.http, userAgent: "test")
            for files in 0...2 {
                let new = try await renewal.run(agent.stored, at: test.time.now())
                let tls = agent.keeper.tls
                if files > 0 { try tls.writeDurably("authorities.pem", Array(new.authorities.utf8), mode: 0o600) }
                if files > 1 { try tls.writeDurably("identity.pem", Array((new.keyPEM + new.chain).utf8), mode: 0o600) }
                let after = try restarted()
                #expect(try await after.hello().status == 200, "after \(files) files")
                await after.end()
            }
            let last = try restarted()
            try await last.keeper.renew()
            #expect(try await last.hello().status == 200)
            await last.end()
            await agent.end()
        }
    }

    @Test("An answer that is not for this host and this key leaves the old identity in use")
    func wrongAnswer() async throws {
        let test = try TestController()
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            let other = try await TestHost.join(test, running)
            let before = try agent.stored.chain
            let answers = [
                CertificateResponse(certificate: other.response.certificate, authorities: test.authority),
                CertificateResponse(certificate: "", authorities: test.authority),
            ]
            for answer in answers {
                let renewal = Renewal(
                    controller: agent.keeper.controller, host: agent.id, http: Answering(answer: answer),
                    userAgent: "test")
                let error = await #expect(throws: AgentError.self) {
                    _ = try await renewal.run(agent.stored, at: test.time.now())
                }
                #expect(error?.code == "agent.renewal.answer")
            }
            #expect(try agent.stored.chain == before)
            await agent.end()
        }
    }
}

/// A controller that always gives the same answer.
private struct Answering: HTTPDoor {
    var answer: CertificateResponse

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        HTTPResponse(head: HTTPHead(status: 200, headers: []), body: try JSONCoding.value(of: answer).wireBytes)
    }

    func download(
        _ request: HTTPRequest, head: @Sendable (HTTPHead) async throws -> Void,
        receive: @Sendable ([UInt8]) async throws -> Void
    ) async throws {}

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}
