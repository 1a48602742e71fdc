import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Several controllers on the same evidence", .enabled(if: TestPostgres.isInstalled))
struct EvidenceClusterTests {
    @Test("A document that one of them took is read by the other, and a link that one of them signed is taken there")
    func documents() async throws {
        let first = try TestController(database: TestPostgres.newDatabase())
        let second = try TestController(beside: first)
        try await first.run { leader in
            try await second.run { standby in
                let there = try TestClient(second, standby, token: second.adminToken)
                let here = try TestClient(first, leader, token: first.adminToken)
                let archive = try TestFleet.archive(version: "1.1") { $0 + "\ndocuments: [files/serve]\n" }
                #expect(try await TestFleet.submit(archive: archive, by: there).status == 201)
                let base = LifecycleTests.base
                let added = try await there.post(
                    base + "/evidence", LifecycleTests.unsigned(.tests, LifecycleTests.junit))
                #expect(added.status == 201, "\(String(decoding: added.body, as: UTF8.self))")
                let id = try #require(added.json(LifecycleView.self).evidence.first?.id)
                try await eventually {
                    let answer = try await here.send("GET", base + "/lifecycle")
                    guard answer.status == 200 else { return false }
                    return try answer.json(LifecycleView.self).evidence.count == 1
                }
                let document = try await here.send("GET", "\(base)/evidence/\(id.short)?part=document")
                #expect(String(decoding: document.body, as: UTF8.self) == LifecycleTests.junit)
                let runbook = try await here.send("GET", "\(base)/document/files/serve")
                #expect(String(decoding: runbook.body, as: UTF8.self).hasPrefix("#!/bin/sh"), "of the package")
                let link = try await there.post(base + "/feedback-links", FeedbackLinkRequest())
                let url = try link.json(FeedbackLinkView.self).url
                let path = String(url[try #require(url.range(of: "/feedback/")).lowerBound...])
                #expect(try await here.send("GET", path).status == 200)
                await there.close()
                await here.close()
            }
        }
    }
}
