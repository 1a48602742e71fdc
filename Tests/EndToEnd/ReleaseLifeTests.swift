import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Lifecycles {
        static func plan(_ release: String) -> String {
            """
            release: \(release)
            category: minor
            environment: staging
            summary: A release of a test
            owner: web-team
            changes:
              - { id: CHG-1, summary: one, risk: low, committed: "2026-01-01T00:00:00Z" }
            approvals: [{ stage: change board }]
            schedule: { from: "2020-01-01T00:00:00Z", until: "2090-01-01T00:00:00Z" }
            communication: [{ event: scheduled, to: [shop] }]
            backOut: { document: docs/back-out.md, decides: ann }
            backups: { notNeeded: the service keeps no data }
            earlyLife: { for: 2s, exit: [no open issue], handOverTo: service desk }
            targets: { duration: 1h, failures: 0 }
            contracts: [{ name: SLA, change: unchanged }]
            evidence: [{ kind: tests }, { kind: scan, worst: warning }, { kind: rehearsal, within: 7d }]
            """
        }

        @Test("The whole life of a release: planned, proven, authorised, deployed, supported, reviewed, closed")
        func whole() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            let name = "web-service@1.1"
            func at(_ stage: LifecycleStage) async throws {
                try await eventually("\(name) is \(stage.rawValue)") {
                    try await fleet.json(LifecycleView.self, "release", "status", name).stage == stage
                }
            }
            let plan = fleet.folder + "/release-plan.yaml"
            try Files.write(plan, Self.plan(name))
            try await fleet.done("release", "plan", plan)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            try await at(.built)
            let rollout = try RolloutSource.write(name, below: fleet.folder)
            let early = try await fleet.slipway("rollout", "start", rollout)
            #expect(early.status == 6, "\(early.errors)")
            #expect(early.errors.contains("slipway release evidence add \(name) --kind tests"))

            try Files.write(fleet.folder + "/junit.xml", "<testsuite><testcase name=\"a\"/></testsuite>")
            try Files.write(fleet.folder + "/scan.sarif", Files.cleanScan)
            try await fleet.done(
                "release", "evidence", "add", name, "--kind", "tests", "--file", fleet.folder + "/junit.xml")
            try await fleet.done(
                "release", "evidence", "add", name, "--kind", "scan", "--file", fleet.folder + "/scan.sarif")
            try await fleet.done("release", "evidence", "add", name, "--kind", "rehearsal")
            try await at(.validated)
            try await fleet.done("release", "authorise", name, "--stage", "change board", "--yes")
            try await at(.scheduled)
            #expect(try await fleet.slipway("release", "checklist", name).status == 6)
            try await fleet.done("cmdb", "baseline", name)
            try await fleet.done("release", "checklist", name)

            try await fleet.done("rollout", "start", rollout)
            try await fleet.everyHostRuns("1.1")
            #expect(try await fleet.slipway("release", "close", name).status == 6)
            try await fleet.done(
                "release", "evidence", "add", name, "--kind", "handOver", "--about", "service desk")
            try await at(.operational)
            try await fleet.done("deviation", "add", name, "--text", "began late", "--owner", "ann")
            try await fleet.done("release", "feedback", name, "--score", "4", "--text", "fine")
            try await fleet.done("release", "review", name, "--conclusion", "well", "--lesson", "begin earlier")
            let open = try await fleet.slipway("release", "close", name)
            #expect(open.status == 6 && open.errors.contains("d1 (began late)"), "\(open.errors)")
            try await fleet.done("deviation", "resolve", name, "d1", "--action", "noted")
            try await closeWithDrift(fleet, name)
            try await at(.closed)
            let review = try await fleet.json(ReleaseReviewView.self, "report", "review", name)
            #expect(review.filled * 10 >= review.fields.count * 9, "\(review.fields)")
            let measures = try await fleet.json([ReleaseMeasures].self, "report", "measures")
            #expect(measures.first?.failures == 0)
            let items = try await fleet.json([ConfigurationItem].self, "cmdb", "query", "--kind", "unit")
            #expect(items.count == 2 && items.allSatisfy { $0.attributes["version"] == "1.1" })
        }

        /// A file that is changed on a host keeps the record open, until it is as it was signed.
        private func closeWithDrift(_ fleet: Fleet, _ name: String) async throws {
            let agent = try #require(fleet.agents.first)
            let root = agent.root + "/opt/web-service"
            let file = try #require(Files.walk(root).first { $0.hasSuffix("VERSION") })
            let path = "\(root)/\(file)"
            try Files.write(path, "changed\n")
            let drifted = try await fleet.slipway("release", "close", name)
            #expect(drifted.status == 6 && drifted.errors.contains("drift"), "\(drifted.errors)")
            try Files.write(path, "1.1\n")
            try await fleet.done("release", "close", name)
        }
    }
}
