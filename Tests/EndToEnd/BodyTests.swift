import Testing

extension EndToEnd {
    @Suite(.serialized) struct Bodies {
        @Test(
            "Whatever body comes to the controller, in whatever pieces, it answers with a refusal or closes, and goes on"
        )
        func random() async throws {
            let fleet = try await Fleet()
            let before = fleet.controllerResidentKiB
            let script = Files.root + "/Tests/EndToEnd/Harness/bodies.py"
            let result = try await ChildProcess.run(
                "/usr/bin/python3", [script, "\(fleet.controllerPort)", "7", "400"], folder: fleet.folder + "/run",
                timeout: .seconds(300))
            #expect(result.status == 0, "\(result.errors)")
            let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(lines.count == 400)
            for line in lines {
                // 4xx: refused in words.
                #expect(line[2] == "closed" || line[2].hasPrefix("4"), "\(line)")
                if ["length", "chunked"].contains(line[0]), (Int(line[1]) ?? 0) > 64 << 10 {
                    #expect(["413", "closed"].contains(line[2]), "\(line)")
                }
            }
            #expect(lines.filter { $0[2] == "413" }.count >= 10 && lines.contains { $0[2] == "400" })
            #expect(fleet.controllerResidentKiB - before < 200 << 10)
            // A host that asks properly is served.
            try await fleet.addAgents(1)
        }
    }
}
