import Glibc
import Testing

extension EndToEnd {
    /// `slipway package …` without a controller: what goes wrong on the way to a tree, and what killed commands leave.
    @Suite(.serialized) struct Packages {
        /// Two releases of one tree as packages, the first one unpacked, and the patch from it to the second.
        private final class Pair {
            let folder: String
            var old: String { folder + "/1.0.slip" }
            var new: String { folder + "/1.1.slip" }
            var base: String { folder + "/base" }
            var patch: String { folder + "/patch" }
            let newTree: String

            init() async throws {
                folder = try Files.makeTemporaryFolder()
                var releases: [String] = []
                for version in ["1.0", "1.1"] {
                    let release = try ReleaseSource(version: version).write(below: folder)
                    for number in 0..<40 {
                        let text = (0..<2000).map { "line \($0 * (number + 1)) of \(number)\n" }.joined()
                        try Files.write("\(release)/service/data/\(number)", text + version)
                    }
                    releases.append(release)
                }
                newTree = releases[1] + "/service"
                try await done("build", releases[0], "--output", old)
                try await done("build", releases[1], "--base", old, "--output", new)
                try await done("unpack", old, base)
                try await done("patch", old, new, "--output", patch)
            }

            deinit { Files.removeTree(folder) }

            func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> ChildProcess.Result {
                try await ChildProcess.run(
                    Files.programs + "/slipway", ["package"] + arguments, environment: environment, folder: folder)
            }

            @discardableResult
            func done(_ arguments: String...) async throws -> ChildProcess.Result {
                let result = try await run(arguments)
                guard result.status == 0 else {
                    throw TestFailure(description: "\(arguments) ended with \(result.status): \(result.errors)")
                }
                return result
            }

            func unpack(_ file: String, to name: String = "made") async throws -> ChildProcess.Result {
                try await run([
                    "unpack", file, "\(folder)/\(name)", "--base", base, "--patch", patch, "--format", "json",
                ])
            }

            func expectNewTree(_ name: String = "made") throws {
                let made = "\(folder)/\(name)"
                #expect(Files.walk(made) == Files.walk(newTree))
                for path in Files.walk(newTree) {
                    #expect(try Files.bytes("\(made)/\(path)") == Files.bytes("\(newTree)/\(path)"), "\(path)")
                }
            }

            /// What stands in the folder beside what the test made itself.
            func leftovers(_ mark: String) -> [String] { Files.list(folder).filter { $0.contains(mark) } }
        }

        @Test("A patch leads to the tree without the payload: the package's record alone is enough")
        func byPatch() async throws {
            let pair = try await Pair()
            try await pair.done("unpack", pair.new, pair.folder + "/whole")
            let result = try await pair.unpack(pair.folder + "/whole.index.slip")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.contains(#""way": "patch""#), "\(result.output)")
            try pair.expectNewTree()
        }

        @Test(
            "A patch that cannot be used is said to be, and the payload is taken; without one it is said what to do",
            arguments: ["damaged", "cut", "another", "changed", "missing", "unknown"])
        func fallsBack(_ what: String) async throws {
            let pair = try await Pair()
            try await pair.done("unpack", pair.new, pair.folder + "/whole")
            var bytes = try Files.bytes(pair.patch)
            let code: String
            switch what {
            case "damaged":
                bytes[bytes.count - 5] ^= 1
                try Files.write(pair.patch, bytes)
                code = "packaging.patch."
            case "cut":
                try Files.write(pair.patch, Array(bytes.dropLast(10)))
                code = "packaging.patch.length"
            case "another":
                try await pair.done("patch", pair.new, pair.old, "--output", pair.patch, "--force")
                code = "packaging.patch.other"
            case "changed":
                try Files.write(pair.base + "/data/7", "somebody was here\n")
                code = "packaging.patch.source"
            case "missing":
                unlink(pair.base + "/data/7")
                code = "packaging.patch.source"
            default:
                unlink(pair.base + ".index.slip")
                code = "command.package.base"
            }
            let whole = try await pair.unpack(pair.new)
            #expect(whole.status == 0, "\(whole.errors)")
            #expect(whole.output.contains(#""way": "payload""#), "\(whole.output)")
            #expect(whole.errors.contains("is not used (\(code)"), "\(whole.errors)")
            try pair.expectNewTree()
            let without = try await pair.unpack(pair.folder + "/whole.index.slip", to: "never")
            #expect(without.status == 1)
            #expect(without.errors.contains("error: command.package.patch: "), "\(without.errors)")
            #expect(without.errors.contains(code) && without.errors.contains("slipway package unpack FILE.slip"))
            #expect(!Files.exists(pair.folder + "/never"))
            #expect(pair.leftovers(".unpacking-").isEmpty)
        }

        @Test("A build says which file has attributes that no package carries, and how many more")
        func attributes() async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            let release = try ReleaseSource(version: "1.0").write(below: folder)
            func build() async throws -> ChildProcess.Result {
                try await ChildProcess.run(
                    Files.programs + "/slipway",
                    ["package", "build", release, "--output", folder + "/made.slip"], folder: folder)
            }
            let before = try await build()
            #expect(before.status == 0 && !before.errors.contains("attributes"), "\(before.errors)")
            let script = "import os, sys\nfor path in sys.argv[1:]: os.setxattr(path, 'user.note', b'x')"
            let set = try await ChildProcess.run(
                "/usr/bin/python3", ["-c", script, release + "/service/bin/serve", release + "/service/VERSION"],
                folder: folder)
            if set.status != 0 { try Test.cancel("this file system has no user attributes: \(set.errors)") }
            let after = try await build()
            #expect(after.status == 0 && after.errors.contains("service/VERSION and 1 more have"), "\(after.errors)")
        }

        @Test("A patch that is not there, and a base that is not there, are no reason to take something else")
        func absent() async throws {
            let pair = try await Pair()
            unlink(pair.patch)
            let result = try await pair.unpack(pair.new)
            #expect(result.status != 0 && result.errors.contains("error: effects.file.absent"), "\(result.errors)")
            #expect(!Files.exists(pair.folder + "/made"))
        }

        /// Starts a command, waits until there is something in the folder that it works in, and stops it (SIGSTOP) or kills
        /// it there and then.
        private func caught(
            _ pair: Pair, _ signal: Int32, mark: String, _ arguments: [String], environment: [String: String] = [:]
        ) async throws -> ChildProcess {
            let before = pair.leftovers(mark)
            func isAtWork() -> Bool {
                pair.leftovers(mark).contains { !before.contains($0) && !Files.list("\(pair.folder)/\($0)").isEmpty }
            }
            // A run that ends before it is looked at is done again.
            for attempt in 0..<50 {
                let child = try ChildProcess(
                    Files.programs + "/slipway", ["package"] + arguments, environment: environment,
                    folder: pair.folder, output: pair.folder + "/\(attempt).out",
                    errors: pair.folder + "/\(attempt).err")
                while child.endedWith == nil, !isAtWork() { usleep(200) }
                child.send(signal)
                if signal == SIGKILL { child.kill() }
                if child.endedWith == nil || child.endedWith == 128 + SIGKILL, isAtWork() { return child }
                child.kill()
                Files.removeTree(pair.folder + "/target")
                unlink(pair.folder + "/target.index.slip")
            }
            throw TestFailure(description: "no run was caught with \(mark)")
        }

        @Test("What a killed unpacking left goes with the next of the same folder, never what a living one works in")
        func killedUnpack() async throws {
            let pair = try await Pair()
            let target = pair.folder + "/target"
            let killed = try await caught(pair, SIGKILL, mark: ".target.unpacking-", ["unpack", pair.new, target])
            #expect(killed.endedWith == 128 + SIGKILL)
            let left = pair.leftovers(".target.unpacking-")
            #expect(left.count == 1)
            // Another folder's unpacking leaves it alone.
            try await pair.done("unpack", pair.new, pair.folder + "/other")
            #expect(pair.leftovers(".target.unpacking-") == left)
            try await pair.done("unpack", pair.new, target)
            #expect(pair.leftovers(".target.unpacking-").isEmpty)
            try pair.expectNewTree("target")
            // One that lives, and stands still.
            Files.removeTree(target)
            let living = try await caught(pair, SIGSTOP, mark: ".target.unpacking-", ["unpack", pair.new, target])
            let worked = pair.leftovers(".target.unpacking-")
            try await pair.done("unpack", pair.new, target)
            #expect(pair.leftovers(".target.unpacking-") == worked)
            living.send(SIGCONT)
            try await eventually("the first has ended") { living.endedWith != nil }
            #expect(pair.leftovers(".unpacking-").isEmpty)
            try pair.expectNewTree("target")
        }

        @Test("What a killed build left goes with the next build, never what a living one works in")
        func killedBuild() async throws {
            let pair = try await Pair()
            let release = Files.parent(pair.newTree)
            let place = ["TMPDIR": pair.folder]
            let build = ["build", release, "--output", pair.folder + "/built.slip"]
            _ = try await caught(pair, SIGKILL, mark: "slipway-work-", build, environment: place)
            let left = pair.leftovers("slipway-work-")
            #expect(left.count == 1)
            let living = try await caught(
                pair, SIGSTOP, mark: "slipway-work-",
                ["build", release, "--output", pair.folder + "/living.slip"], environment: place)
            let worked = pair.leftovers("slipway-work-").filter { !left.contains($0) }
            #expect(worked.count == 1)
            let next = try await pair.run(build, environment: place)
            #expect(next.status == 0, "\(next.errors)")
            #expect(pair.leftovers("slipway-work-") == worked)
            living.send(SIGCONT)
            try await eventually("the other build has ended") { living.endedWith != nil }
            #expect(living.endedWith == 0)
            #expect(pair.leftovers("slipway-work-").isEmpty && pair.leftovers(".making-").isEmpty)
            #expect(try Files.bytes(pair.folder + "/living.slip") == Files.bytes(pair.folder + "/built.slip"))
        }
    }
}
