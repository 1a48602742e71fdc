import Glibc
import Testing

extension EndToEnd {
    /// `slipway package build` as processes whose surroundings differ.
    @Suite(.serialized) struct Builds {
        static let faketime = "/usr/bin/faketime"
        /// On tmpfs a folder lists its newest name first, on ext4 by a hash.
        static let memory = "/dev/shm"

        @Test(
            "Time, zone, locale, umask, path, order of the folder and --jobs change no byte of a package",
            .enabled(if: Files.exists(faketime), "scripts/test installs faketime"),
            .enabled(if: access(memory, W_OK) == 0, "/dev/shm is not there"))
        func surroundings() async throws {
            let folder = try Files.makeTemporaryFolder()
            let other = Files.unique("\(Self.memory)/slipway-build-\(getpid())/a longer path")
            defer { for path in [folder, Files.parent(other)] { Files.removeTree(path) } }
            let files: [(String, mode_t)] =
                [
                    ("bin/serve", 0o755), ("i\u{307}stanbul/\u{131}", 0o644), ("Z", 0o644), ("a-b", 0o600),
                    ("a/b", 0o664),
                ]
                + (0..<300).map { ("many/\($0 * 7919 % 300)", 0o644) }
            var releases: [String] = []
            for (place, order) in [(folder, files), (other, files.reversed())] {
                let release = try ReleaseSource(version: "1.0").write(below: place)
                for (path, mode) in order {
                    let text = String(repeating: "\(path) and more of it\n", count: 1 + path.utf8.count * 40)
                    try Files.write("\(release)/service/\(path)", Array(text.utf8), mode: mode)
                }
                releases.append(release)
            }
            let plain = try await build(releases[0], ["LC_ALL": "C"], umask: "022", ["--jobs", "1"])
            let strange = try await build(
                releases[1],
                ["LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Chatham", "TMPDIR": Self.memory, "NO_FAKE_STAT": "1"],
                umask: "077",
                ["--jobs", "7"], clock: "2031-02-28 23:59:59")
            #expect(plain == strange)
            #expect(plain.count > 10_000)
        }

        /// The bytes of the package.
        private func build(
            _ release: String, _ environment: [String: String], umask: String, _ options: [String], clock: String? = nil
        ) async throws -> [UInt8] {
            let command =
                [Files.programs + "/slipway", "package", "build", release, "--output", release + ".slip"]
                + options
            let wrapped = (clock.map { [Self.faketime, $0] } ?? []) + command
            let result = try await ChildProcess.run(
                "/bin/sh", ["-c", "umask \(umask); exec \"$@\"", "sh"] + wrapped, environment: environment,
                folder: Files.parent(release))
            #expect(result.status == 0, "\(result.errors)")
            return try Files.bytes(release + ".slip")
        }
    }
}
