import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Feedback by a link")
struct FeedbackLinkTests {
    private static let base = LifecycleTests.base
    private static let key = [UInt8](repeating: 7, count: 32)

    @Test("A link of which one character is changed, or that another controller signed, is none")
    func altered() throws {
        let link = FeedbackLink(
            release: try ReleaseName("web@1.1"), expiresAt: UTCInstant(secondsSince1970: 1_800_000_000), uses: 5,
            id: "ab12")
        let text = link.text(key: Self.key)
        #expect(FeedbackLink(text, key: Self.key) == link)
        #expect(FeedbackLink(text, key: [UInt8](repeating: 8, count: 32)) == nil)
        for place in text.indices {
            let other: Character = text[place] == "1" ? "2" : "1"
            let changed = text[..<place] + String(other) + text[text.index(after: place)...]
            #expect(FeedbackLink(String(changed), key: Self.key) == nil, "\(changed)")
        }
        for bad in ["", "~~~~", String(repeating: "~", count: 9), String(repeating: "a", count: 500)] {
            #expect(FeedbackLink(bad, key: Self.key) == nil)
        }
    }

    private func form(_ score: String, _ text: String) -> [UInt8] { Array("score=\(score)&text=\(text)".utf8) }

    @Test("Whoever has the link answers without an account, as often as it says and no more, and the review counts it")
    func answers() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            let made = try await client.post(
                Self.base + "/feedback-links", FeedbackLinkRequest(lifetime: .hours(1), uses: 2))
            #expect(made.status == 201)
            let url = try made.json(FeedbackLinkView.self).url
            let path = String(url[try #require(url.range(of: "/feedback/")).lowerBound...])
            let stranger = try TestClient(test, running)
            let page = try await stranger.send("GET", path)
            #expect(page.status == 200 && String(decoding: page.body, as: UTF8.self).contains("web@1.1"))
            let type = [HTTPField("Content-Type", "application/x-www-form-urlencoded")]
            func answer(_ body: [UInt8], to path: String) async throws -> Int {
                try await stranger.send("POST", path, headers: type, bytes: body).status
            }
            #expect(try await answer(form("9", "x"), to: path) == 400)
            #expect(try await answer(form("4", "all+%3Cb%3Ewell"), to: path) == 200)
            #expect(try await answer(form("2", String(repeating: "a", count: 5000)), to: path) == 200)
            #expect(try await answer(form("5", "more"), to: path) == 409)
            #expect(try await answer(form("5", "more"), to: path + "0") == 404)
            let view = try await client.send("GET", Self.base + "/lifecycle").json(LifecycleView.self)
            #expect(view.feedback.map(\.score) == [4, 2])
            #expect(view.feedback.map(\.text.utf8.count) == [11, FeedbackLink.textMax])
            let review = try await client.send("GET", Self.base + "/review").json(ReleaseReviewView.self)
            #expect(review.fields.first { $0.name == "feedback" }?.actual == "2 answers, 3.0 of 5")
            #expect(try await stranger.post(Self.base + "/feedback-links", FeedbackLinkRequest()).status == 401)
            let long = FeedbackLinkRequest(lifetime: .days(400), uses: 1)
            #expect(try await client.post(Self.base + "/feedback-links", long).status == 400)
            await stranger.close()
            await client.close()
        }
    }

    @Test("A link that has ended takes nothing")
    func expired() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            let made = try await client.post(
                Self.base + "/feedback-links", FeedbackLinkRequest(lifetime: .milliseconds(1), uses: 2))
            let url = try made.json(FeedbackLinkView.self).url
            let path = String(url[try #require(url.range(of: "/feedback/")).lowerBound...])
            try await eventually { try await client.send("GET", path).status == 409 }
            let view = try await client.send("GET", Self.base + "/lifecycle").json(LifecycleView.self)
            #expect(view.feedback.isEmpty)
            await client.close()
        }
    }
}
