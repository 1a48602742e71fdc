import Testing

extension EndToEnd {
    /// What stands on a terminal while something takes its time: util-linux's script(1) makes one.
    @Suite(.serialized) struct Terminals {
        private static func run(_ fleet: Fleet, terminal: String, _ words: [String]) async throws -> ChildProcess.Result
        {
            let command = ([Files.programs + "/slipway"] + words + ["--dir", fleet.controllerFolder])
                .map { "'\($0)'" }.joined(separator: " ")
            return try await ChildProcess.run(
                "/usr/bin/script", ["--quiet", "--return", "--command", command, "/dev/null"],
                environment: ["TERM": terminal], folder: fleet.folder)
        }

        @Test(
            "Publishing and exporting say how far they are on a line that is written over, and leave none of it behind")
        func progress() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let over = "\r\u{1B}[K"
            for (number, terminal) in ["xterm", "dumb"].enumerated() {
                let folder = "\(fleet.folder)/terminal-\(number)"
                let published = try await Self.run(fleet, terminal: terminal, ["repository", "publish", folder])
                #expect(published.status == 0, "\(published.output)")
                let exported = try await Self.run(
                    fleet, terminal: terminal, ["audit", "export", "--output", folder + ".log"])
                #expect(exported.status == 0, "\(exported.output)")
                for (output, count) in [(published.output, " written"), (exported.output, " entries, ")] {
                    let lines = output.split(separator: over, omittingEmptySubsequences: false)
                    if terminal == "dumb" {
                        #expect(lines.count == 1, "\(output)")
                    } else {
                        // Before the first there is nothing, the last is what came of it.
                        #expect(lines.count >= 3 && lines[1].contains(count) && !lines[1].contains("\n"), "\(output)")
                        #expect(lines.last?.contains("\r\n") == true, "\(output)")
                    }
                }
            }
        }
    }
}
