import Effects
import Glibc
import ReleaseDefinition
import Testing

/// The command as a process, against repositories that python-tuf makes and a real server gives out. Each scenario is a
/// function of Tests/Interop/tuf_client.py; its name is the line that the script prints.
@Suite(
    "slipway repository client, beside python-tuf",
    .enabled(if: getenv("SLIPWAY_TEST_PYTHON") != nil, "scripts/test installs python-tuf and names it"))
struct RepositoryClientTests {
    @Test("The whole protocol: order, folders, caches, clocks, turns, kills; and every attack refused")
    func scenarios() async throws {
        let lines = try await Self.run()
        for line in lines where !line.hasPrefix("ok ") { Issue.record("\(line)") }
        #expect(lines.count >= 21)
    }

    private static func run() async throws -> [String] {
        let root = #filePath.components(upTo: "/Tests/")
        let python = String(cString: try #require(getenv("SLIPWAY_TEST_PYTHON")))
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let command = ProcessCommand(
            executable: python,
            arguments: ["\(root)/Tests/Interop/tuf_client.py", "\(root)/.build/debug/slipway"],
            environment: ["PATH": path], workingDirectory: root, timeout: .seconds(600))
        let result = try await LiveProcesses().run(command)
        let output = result.output
        return output.split(separator: "\n").map(String.init)
    }
}

extension String {
    fileprivate func components(upTo word: String) -> String {
        guard let range = firstRange(of: word) else { return self }
        return String(self[..<range.lowerBound])
    }
}
