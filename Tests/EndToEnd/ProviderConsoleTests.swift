import Glibc
import ReleaseDefinition
import TestSupport
import Testing

/// The Python that has selenium and axe-core.
private let browser = getenv("SLIPWAY_TEST_BROWSER").map { String(cString: $0) }

extension EndToEnd {
    @Suite(
        .enabled(
            if: browser != nil && TestProvider.python != nil,
            "scripts/test installs chromium, selenium and joserfc, and names their Pythons"))
    struct ProviderConsole {
        private struct Orders: Encodable {
            var url: String
            var provider: String
            var folder: String
        }

        private struct Found: Decodable {
            var violations: [String]
            var complaints: [String]
            var signedIn: String
            var signedOut: Bool
            var guest: String
        }

        @Test("A browser signs in by way of an identity provider and out again; whom a claim gives nothing reads why")
        func signsIn() async throws {
            let fleet = try await Fleet()
            try await TestProvider.serving { provider in
                let folder = fleet.controllerFolder
                try Files.makeFolder(folder + "/oidc")
                try Files.write(folder + "/oidc/authority.pem", provider.authority)
                try Files.write(folder + "/oidc/console.secret", "console-secret\n")
                #expect(chmod(folder + "/oidc/console.secret", 0o600) == 0)
                try Files.write(
                    folder + "/oidc.json",
                    """
                    {"issuers": [{
                        "name": "company", "url": "\(provider.url)", "authority": "oidc/authority.pem",
                        "console": {"clientID": "slipway-console", "secretFile": "oidc/console.secret"},
                        "grants": [{"claims": {"groups": "operators"}, "set": "operator"}]}]}
                    """)
                #expect(chmod(folder + "/oidc.json", 0o600) == 0)
                let path = fleet.folder + "/orders.json"
                let orders = Orders(url: fleet.controllerURL, provider: provider.url, folder: fleet.folder)
                try Files.write(path, try JSONCoding.value(of: orders).prettyBytes)
                let run = try await ChildProcess.run(
                    try #require(browser), [Files.root + "/Tests/EndToEnd/Harness/browser_provider.py", path],
                    folder: fleet.folder + "/run", timeout: .seconds(120))
                guard run.status == 0 else { throw TestFailure(description: "the browser: \(run.errors)") }
                let found = try JSONCoding.decode(Found.self, from: Array(run.output.utf8))
                #expect(found.complaints == [])
                #expect(found.violations == [], "axe-core's findings")
                #expect(found.signedIn == "company:alice-1")
                #expect(found.signedOut)
                #expect(found.guest.contains("company:alice-1"), "\(found.guest)")
            }
        }
    }
}
