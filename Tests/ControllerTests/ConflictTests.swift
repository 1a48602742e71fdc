import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Conflicts and dependencies are found when a rollout is planned")
struct ConflictTests {
    @Test("A unit that installs no tree, as a migration, is in nobody's way")
    func pathless() {
        #expect(
            !Controller.overlap("/opt/app", "") && !Controller.overlap("", "/opt/app") && !Controller.overlap("", ""))
        #expect(Controller.overlap("/opt/app", "/opt/app/data") && !Controller.overlap("/opt/app", "/opt/application"))
    }

    /// One more product; `requires` as in a release.yaml.
    private func submit(
        _ product: String, _ version: String, to path: String, requires: String = "[]", _ client: TestClient
    ) async throws {
        let bytes = try TestFleet.archive(version: version) { text in
            text.replacing("product: web", with: "product: \(product)\nrequires: \(requires)")
                .replacing("installTo: /opt/web", with: "installTo: \(path)")
        }
        let answer = try await client.send(
            "POST", "/v1/releases?environment=staging",
            headers: [HTTPField("Content-Type", ReleaseSubmissionType.sourceArchive.rawValue)], bytes: bytes)
        try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
    }

    private func definition(
        _ release: String, hosts: String = "all", windows: [MaintenanceWindow]? = nil
    ) throws -> RolloutDefinition {
        var definition = try TestFleet.definition("1.0")
        definition.release = try ReleaseName(release)
        definition.hosts = try HostQuery(hosts)
        definition.windows = windows
        return definition
    }

    /// Its hosts have their orders and say nothing more.
    private func hang(_ definition: RolloutDefinition, _ fleet: TestFleet, _ client: TestClient) async throws {
        for agent in fleet.agents { agent.become(.hangs) }
        let answer = try await client.startRollout(definition)
        try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
    }

    @Test("A release is refused on hosts without what it requires; where a rollout brings it, that one is named")
    func requires() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            try await submit("store", "1.0", to: "/opt/store", client)
            try await submit("store", "2.0", to: "/opt/store", client)
            try await submit("api", "1.0", to: "/opt/api", requires: "[{ product: store, version: \">=2.0\" }]", client)
            let missing = try await client.startRollout(definition("api@1.0"))
            #expect(missing.problemCode == "controller.conflict.requires")
            let told = try missing.json(Problem.self)
            #expect(
                told.detail
                    == "api@1.0 requires store >=2.0: 2 of 2 hosts do not run it, as host1, which runs no store.")
            let first = try await TestFleet.rollOut(definition("store@1.0"), by: client)
            #expect(first.state == .succeeded)
            let older = try await client.startRollout(definition("api@1.0")).json(Problem.self)
            #expect(older.detail.hasSuffix("as host1, which runs store@1.0."))
            try await hang(definition("store@2.0"), fleet, client)
            let later = try await client.startRollout(definition("api@1.0")).json(Problem.self)
            #expect(later.remedy.contains("brings it to all of them: start this one after it"))
        }
    }

    @Test("What runs on a host and cannot have the new version is named")
    func requiredBy() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            try await submit("store", "1.0", to: "/opt/store", client)
            try await submit("store", "2.0", to: "/opt/store", client)
            try await submit("api", "1.0", to: "/opt/api", requires: "[{ product: store, version: \"<2.0\" }]", client)
            #expect(try await TestFleet.rollOut(definition("store@1.0"), by: client).state == .succeeded)
            #expect(try await TestFleet.rollOut(definition("api@1.0"), by: client).state == .succeeded)
            let broken = try await client.startRollout(definition("store@2.0"))
            #expect(broken.problemCode == "controller.conflict.requiredBy")
            #expect(
                try broken.json(Problem.self).detail
                    == "api@1.0 on host1 requires store <2.0, and store@2.0 is not that.")
        }
    }

    @Test("One path of one host belongs to one product: what runs there, and what is on its way")
    func paths() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            try await submit("one", "1.0", to: "/opt/shared", client)
            try await submit("two", "1.0", to: "/opt/shared/inner", client)
            try await submit("three", "1.0", to: "/opt/three", client)
            try await submit("four", "1.0", to: "/opt/three", client)
            #expect(try await TestFleet.rollOut(definition("one@1.0"), by: client).state == .succeeded)
            let inside = try await client.startRollout(definition("two@1.0"))
            #expect(inside.problemCode == "controller.conflict.paths")
            let words = try inside.json(Problem.self).detail
            #expect(words.hasPrefix("two@1.0 would install to /opt/shared/inner on host"))
            #expect(words.hasSuffix(", where one@1.0 has /opt/shared."))
            try await hang(definition("three@1.0", hosts: "name=host1"), fleet, client)
            let coming = try await client.startRollout(definition("four@1.0"))
            #expect(coming.problemCode == "controller.conflict.paths")
            #expect(try coming.json(Problem.self).detail.contains("brings three@1.0 to /opt/three"))
            let elsewhere = try await client.post("/v1/rollouts/plans", definition("four@1.0", hosts: "name=host2"))
            #expect(elsewhere.status == 201)
        }
    }

    @Test(
        "Another product's rollout of the same hosts at the same time is warned of, and refused where the policy says so"
    )
    func overlap() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            try await submit("one", "1.0", to: "/opt/one", client)
            try await submit("two", "1.0", to: "/opt/two", client)
            try await submit("three", "1.0", to: "/opt/three", client)
            let night = try MaintenanceWindow(opens: CalendarExpression("02:00"), span: .hours(2), zone: "UTC")
            let evening = try MaintenanceWindow(opens: CalendarExpression("20:00"), span: .hours(2), zone: "UTC")
            func warnings(_ definition: RolloutDefinition) async throws -> [String] {
                let answer = try await client.post("/v1/rollouts/plans", definition)
                return try answer.json(RolloutPlanView.self).warnings.filter { $0.contains("the same hosts") }
            }
            #expect(try await warnings(definition("one@1.0", windows: [night])).isEmpty)
            // The plan of the other waits for the same window; another window is free.
            let waiting = try await warnings(definition("two@1.0", windows: [night]))
            #expect(waiting.count == 1)
            #expect(waiting.first?.contains("of one@1.0 may change 2 of the same hosts between ") == true)
            #expect(try await warnings(definition("three@1.0", windows: [evening])).isEmpty)
            try await hang(definition("one@1.0", hosts: "name=host1"), fleet, client)
            let elsewhere = try await warnings(definition("three@1.0", hosts: "name=host2"))
            #expect(elsewhere.allSatisfy { $0.contains("plan ") && !$0.contains("one@1.0") })
            let text = "environments: { staging: { overlap: refused } }\n"
            let applied = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
            #expect(applied.status == 201)
            let refused = try await client.startRollout(definition("three@1.0", hosts: "name=host1"))
            #expect(refused.status == 423)
            #expect(refused.problemCode == "controller.policy.overlap")
            let line = try refused.json(Problem.self).cause
            #expect(line?.hasPrefix("policy.yaml:1:28: environments.staging.overlap: rollout ") == true)
            #expect(line?.contains("of one@1.0 may change 1 of the same hosts") == true)
        }
    }

    @Test("The order of several rollouts follows from what their releases require")
    func order() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            try await submit("store", "2.0", to: "/opt/store", client)
            try await submit("api", "1.0", to: "/opt/api", requires: "[{ product: store, version: \">=2.0\" }]", client)
            let request = RolloutOrderRequest(rollouts: [try definition("api@1.0"), try definition("store@2.0")])
            let answer = try await client.post("/v1/rollouts/order", request)
            let steps = try answer.json(ListView<RolloutOrder.Step>.self).items
            #expect(steps.map { "\($0.step) \($0.release)" } == ["1 store@2.0", "2 api@1.0"])
        }
    }
}
