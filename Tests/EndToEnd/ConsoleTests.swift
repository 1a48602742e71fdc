import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

/// The Python that has selenium and axe-core.
private let browser = getenv("SLIPWAY_TEST_BROWSER").map { String(cString: $0) }

extension EndToEnd {
    /// The running console in Debian's chromium (Harness/browser.py).
    @Suite(
        .serialized, .enabled(if: browser != nil, "scripts/test installs chromium and selenium, and names their Python")
    )
    struct Console {
        struct Page: Encodable {
            var name: String
            var path: String
            /// A part to open before a picture is taken.
            var open: String?
            /// Whether there is a picture of it on a phone too.
            var isOnPhone: Bool?
        }

        struct Act: Encodable {
            var page: String
            var act: String
            var fields: [String: String] = ["reason": "it is tried"]
            var told: String
        }

        struct Orders: Encodable {
            var url: String
            var token: String
            var folder: String
            var pages: [Page]
            var acts: [Act]
            /// Where pictures go; nil: none are taken.
            var shots: String?
            /// A rollout that is halted while its page is open.
            var change: RolloutID?
        }

        struct Found: Decodable {
            var pages: Int
            var withoutScript: Int
            var violations: [String]
            var complaints: [String]
            var acts: [String]
            var milliseconds: [String: Int]
            var bytes: [String: Int]
            var changeMilliseconds: Int
            var seconds: [String: Int]
        }

        /// First load: page, style and script together.
        private static let bytesMax = 200_000
        private static let policy = """
            environments:
              staging: { }
              production: { windows: [weeknights], authorisations: 1 }
            windows:
              weeknights: { opens: "Mon..Thu 22:00", for: 4h, zone: Europe/Berlin }
            """

        @Test(
            "Every page reads in a browser, light, dark and without a script, and every act is done by keyboard alone")
        func everything() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 3)
            try Files.write(fleet.folder + "/policy.yaml", Self.policy)
            try await fleet.done("policy", "apply", fleet.folder + "/policy.yaml", "--reason", "trial")
            try await fleet.done("release", "submit", ReleaseSource.example("v3"))
            let broken = try RolloutSource.write("web-service@3.0", phases: "[1, 100%]", below: fleet.folder)
            #expect(try await fleet.slipway("rollout", "start", broken).status == 7)
            let failed = try await fleet.lastRollout()
            // A pilot that is watched for an hour: nothing moves it but a person.
            try await fleet.done("release", "submit", ReleaseSource(version: "3.1").write(below: fleet.folder))
            let file = try RolloutSource.write(
                "web-service@3.1", phases: "[{ hosts: 1, bake: 1h }, 100%]", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            try await eventually("the pilot runs it") { try await fleet.lastRollout().phases.first?.succeeded == 1 }
            let rollout = try await fleet.lastRollout()
            // In production nothing starts without somebody's yes.
            try await fleet.addAgent(environment: "production")
            try await fleet.allOnline()
            try await fleet.done("release", "promote", "web-service@1.0", "--to", "production")
            let next = try RolloutSource.write("web-service@1.0", environment: "production", below: fleet.folder)
            try await fleet.done("rollout", "plan", next)
            let waiting = try #require(rollout.hosts.last { $0.order == nil }?.host)
            let host = try #require(rollout.hosts.first { $0.order != nil }?.host)

            let found = try await Self.drive(
                Orders(
                    url: fleet.controllerURL, token: fleet.controllerFolder + "/admin.token", folder: fleet.folder,
                    pages: Self.pages(failed: failed.id, rollout: rollout.id, host: host),
                    acts: Self.acts(rollout.id, host: host, waiting: waiting),
                    shots: getenv("SLIPWAY_CONSOLE_SHOTS").map { String(cString: $0) }, change: rollout.id),
                below: fleet.folder)
            #expect(found.violations == [], "axe-core's findings")
            #expect(found.complaints == [])
            #expect(found.pages == 28 && found.withoutScript == 14, "\(found)")
            #expect(found.acts.count == 17, "\(found.acts)")
            #expect(found.bytes.count == 14)
            for (page, bytes) in found.bytes { #expect(bytes > 2000 && bytes < Self.bytesMax, "\(page): \(bytes)") }
            print(
                "console: \(found.milliseconds) ms, change \(found.changeMilliseconds) ms, \(found.bytes) bytes, \(found.seconds) s"
            )
            let view = try await fleet.json(RolloutView.self, "rollout", "show", rollout.id.text)
            #expect(view.state == .backedOut)
            #expect(try await fleet.json(HostView.self, "hosts", "show", host.text).marks?.isEmpty != false)
        }

        private static func pages(failed: RolloutID, rollout: RolloutID, host: HostID) -> [Page] {
            [
                Page(name: "home", path: "/"),
                Page(name: "rollout", path: "/console/rollouts/\(rollout)", open: "act-back-out-\(rollout)"),
                Page(name: "failed", path: "/console/rollouts/\(failed)", isOnPhone: true),
                Page(name: "host", path: "/console/hosts/\(host)"), Page(name: "releases", path: "/console/releases"),
                Page(name: "release", path: "/console/releases/web-service/3.1"),
                Page(name: "approvals", path: "/console/approvals"), Page(name: "calendar", path: "/console/calendar"),
                Page(name: "proposals", path: "/console/calendar/production"),
                Page(name: "measures", path: "/console/measures"),
                Page(name: "configuration", path: "/console/configuration"),
                Page(name: "policy", path: "/console/policy"), Page(name: "log", path: "/console/log"),
                Page(name: "revoked", path: "/console/releases/web-service/3.0"),
            ]
        }

        /// In an order in which each is possible: the rollout has been halted.
        private static func acts(_ id: RolloutID, host: HostID, waiting: HostID) -> [Act] {
            let rollout = "/console/rollouts/\(id)"
            let machine = "/console/hosts/\(host)"
            // What was backed out is revoked already.
            let release = "/console/releases/web-service/1.0"
            func resume() -> Act { Act(page: rollout, act: "resume-\(id)", told: "Resumed.") }
            return [
                resume(),
                Act(page: rollout, act: "pause-\(id)", told: "Paused:"),
                resume(),
                Act(page: rollout, act: "halt-\(id)", told: "Halted:"),
                Act(
                    page: rollout, act: "skip-\(id)", fields: ["hosts": waiting.text, "reason": "it is in repair"],
                    told: "These hosts are left out."),
                // Refused in words, and by the page that it is about.
                Act(
                    page: rollout, act: "skip-\(id)", fields: ["hosts": "nobody", "reason": "r"],
                    told: "Not done. There is no host nobody"),
                Act(page: "/console/calendar", act: "freeze", told: "Frozen:"),
                Act(page: rollout, act: "resume-\(id)", told: "Not done."),
                Act(page: "/console/calendar", act: "lift-f1", told: "Lifted."),
                resume(),
                Act(page: machine, act: "maintenance", told: "left out of rollouts"),
                Act(page: machine, act: "maintenance", told: "take the host along again"),
                Act(page: machine, act: "pinned", told: "left out of rollouts"),
                Act(page: machine, act: "pinned", told: "take the host along again"),
                Act(page: rollout, act: "back-out-\(id)", told: "The back-out has begun."),
                Act(page: release, act: "revoke", told: "Revoked:"),
                Act(page: release, act: "withdraw", told: "The withdrawal is on its way"),
            ]
        }

        private static func drive(_ orders: Orders, below folder: String) async throws -> Found {
            let path = folder + "/orders.json"
            try Files.write(path, try JSONCoding.value(of: orders).prettyBytes)
            let run = try await ChildProcess.run(
                try #require(browser), [Files.root + "/Tests/EndToEnd/Harness/browser.py", path],
                folder: folder + "/run",
                timeout: .seconds(240))
            guard run.status == 0 else { throw TestFailure(description: "the browser: \(run.errors)") }
            return try JSONCoding.decode(Found.self, from: Array(run.output.utf8))
        }
    }
}
