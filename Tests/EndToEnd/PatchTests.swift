import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Patches {
        /// About 2 MB that do not compress well, and a release of them in which one line differs.
        private static func source(_ version: String) -> ReleaseSource {
            var state: UInt64 = 0x2545_F491_4F6C_DD1D
            var text: [UInt8] = []
            text.reserveCapacity(2_100_000)
            while text.count < 2_000_000 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                for shift in stride(from: UInt64(0), to: 60, by: 6) {
                    text.append(0x30 + UInt8(truncatingIfNeeded: state >> shift & 63))
                }
            }
            text.replaceSubrange(1_000_000..<1_000_000, with: Array("\nversion \(version)\n".utf8))
            return ReleaseSource(
                version: version, files: ["service/share/data.txt": String(decoding: text, as: UTF8.self)])
        }

        private func running(_ fleet: Fleet) async throws {
            try await fleet.allOnline()
            try await fleet.done("release", "submit", Self.source("1.0").write(below: fleet.folder))
            try await fleet.done("rollout", "start", RolloutSource.write("web-service@1.0", below: fleet.folder))
            try await fleet.everyHostRuns("1.0")
            try await fleet.done("release", "submit", Self.source("1.1").write(below: fleet.folder))
        }

        /// The controller makes it when the release comes; its first bytes say what it is.
        private func patch(of fleet: Fleet) async throws -> String {
            let blobs = fleet.controllerFolder + "/repository/blobs"
            let magic = Array("slipway.patch/1\n".utf8)
            var found: String?
            try await eventually("the controller made a patch: \(fleet.controllerLog)") {
                found = try Files.list(blobs).filter { !$0.hasPrefix(".") }.map { blobs + "/" + $0 }
                    .first { try Files.bytes($0).starts(with: magic) }
                return found != nil && fleet.controllerLog.contains("patches made")
            }
            return try #require(found)
        }

        /// What the agent's log says of its last fetch.
        private func fetched(_ agent: FleetAgent) throws -> (way: String, bytes: Int, payload: Int, line: String) {
            let line = try #require(agent.log.split(separator: "\n").last { $0.contains(" fetched ") })
            func value(_ key: String) -> String {
                guard let start = line.firstRange(of: " \(key)=")?.upperBound else { return "" }
                return String(line[start...].prefix { $0 != " " })
            }
            return (value("way"), Int(value("bytes")) ?? .max, Int(value("payload")) ?? 0, String(line))
        }

        @Test("An update by patch fetches far fewer bytes than the payload, pushed and pulled, and gives the same tree")
        func byPatch() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            let pushed = try await fleet.addAgent()
            let pulling = try await fleet.addAgent(.pull(url))
            try await running(fleet)
            let patch = try await patch(of: fleet)
            try await fleet.done("rollout", "start", RolloutSource.write("web-service@1.1", below: fleet.folder))
            try await fleet.everyHostRuns("1.1")
            let size = try Files.bytes(patch).count
            for agent in [pushed, pulling] {
                let fetched = try fetched(agent)
                #expect(fetched.way == "patch" && fetched.bytes == size, "\(fetched.line)")
                #expect(fetched.bytes * 50 < fetched.payload, "\(fetched.line)")
                let wanted = try #require(Self.source("1.1").files["service/share/data.txt"])
                #expect(try Files.read(agent.root + "/opt/web-service/share/data.txt") == wanted)
            }
            // No other blob of the release was asked for.
            let release = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.1")
            #expect(fleet.requests(of: try #require(release.units.first).payload.hex) == 0)
            #expect(fleet.requests(of: String(patch.suffix(64))) == 1)
        }

        @Test("Patches outlive the controller's process, and go when neither of their releases matters any more")
        func remembered() async throws {
            let fleet = try await Fleet()
            _ = try await fleet.addAgent()
            try await running(fleet)
            let patch = try await patch(of: fleet)
            func count(_ words: String) -> Int {
                fleet.controllerLog.split(separator: "\n").count { $0.contains(words) }
            }
            #expect(count("patches made") == 1)
            fleet.killController()
            try await fleet.startController()
            try await fleet.allOnline()
            try await fleet.done("rollout", "start", RolloutSource.write("web-service@1.1", below: fleet.folder))
            try await fleet.everyHostRuns("1.1")
            // Made once: what the first process made was used.
            #expect(count("patches made") == 1, "\(fleet.controllerLog)")
            #expect(try fetched(fleet.agents[0]).way == "patch")
            try await fleet.done("release", "submit", Self.source("1.2").write(below: fleet.folder))
            try await eventually("the patch to 1.2 is made") { count("patches made") == 2 }
            #expect(Files.exists(patch), "the fleet runs 1.1")
            try await fleet.done("rollout", "start", RolloutSource.write("web-service@1.2", below: fleet.folder))
            try await fleet.everyHostRuns("1.2")
            try await fleet.done("release", "submit", Self.source("1.3").write(below: fleet.folder))
            try await eventually("the patch from 1.0 to 1.1 is gone: \(fleet.controllerLog)") { !Files.exists(patch) }
            #expect(count("patches dropped") == 1)
            try await eventually("the patch to 1.3 is made") { count("patches made") == 3 }
        }

        @Test("A tampered patch is refused, and the release is installed by members all the same")
        func tampered() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent()
            try await running(fleet)
            let patch = try await patch(of: fleet)
            var bytes = try Files.bytes(patch)
            bytes[bytes.count - 5] ^= 1
            try Files.write(patch, bytes)
            try await fleet.done("rollout", "start", RolloutSource.write("web-service@1.1", below: fleet.folder))
            try await fleet.everyHostRuns("1.1")
            let fetched = try fetched(agent)
            #expect(fetched.way == "ranges", "\(fetched.line)")
            #expect(fetched.line.contains("no patch: packaging.blob.digest"), "\(fetched.line)")
            #expect(fetched.bytes < fetched.payload, "\(fetched.line)")
            let wanted = try #require(Self.source("1.1").files["service/share/data.txt"])
            #expect(try Files.read(agent.root + "/opt/web-service/share/data.txt") == wanted)
        }
    }
}
