import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Units that a plugin carries out")
struct PluginTests {
    typealias File = TestRepository.File

    /// Keeps a file of the host as the source has it, and notes each step with what it was asked.
    private static func program(_ notes: String, fails step: String = "") -> String {
        """
        #!/usr/bin/python3
        import json, os, shutil, sys
        step, request = sys.argv[1], json.load(sys.stdin)
        old = request["old"]["version"] if request["old"] else "-"
        open("\(notes)", "a").write("%s %s %s %s\\n" % (step, request["unit"], request["new"]["version"], old))
        assert request["protocol"] == 1 and request["step"] == step and os.path.isdir(request["state"])
        target = "\(notes).made"
        def put(side):
            if side is None:
                if os.path.exists(target): os.remove(target)
            else: shutil.copy(side["source"] + "/content", target)
        if step == "\(step)":
            print("talk")
            print(json.dumps({"error": {"summary": "the disk is green", "remedy": "Paint it."}}))
            sys.exit(1)
        if step == "plan": print(json.dumps({"change": "the file changes"}))
        elif step == "activate": put(request["new"])
        elif step == "back-out": put(request["old"])
        elif step == "remove": put(None)
        elif step == "verify":
            same = os.path.exists(target) and open(target).read() == open(request["new"]["source"] + "/content").read()
            if not same: print(json.dumps({"difference": "the file is another"}))

        """
    }

    private static func unit(_ plugin: String?) throws -> UnitDefinition {
        var unit = try UnitTypeTests.plain("thing", .plugin)
        unit.plugin = plugin
        return unit
    }

    private func made(_ notes: TemporaryFolder) throws -> String? {
        try notes.directory.readIfPresent("notes.made", sizeMax: ByteCount(100)).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test("Plan and stage before anything is stopped, activate, verify; back-out puts the old one back, or nothing")
    func steps() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let program = File("thing/plugin", Self.program(notes.path + "/notes"))
        func submit(_ version: String, _ check: File) async throws -> HostRelease {
            try await repository.submit(
                version,
                files: [
                    program, File("thing/content", "of \(version)", isProgram: false), TestRepository.serve, check,
                ],
                units: [Self.unit(nil), TestRepository.unit()])
        }
        let one = try await submit("1.0", TestRepository.healthy)
        let bad = try await submit("2.0", TestRepository.broken)
        let host = try await TestHost(repository)
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        #expect(try UnitTypeTests.lines(notes) == ["plan thing 1.0 -", "stage thing 1.0 -", "activate thing 1.0 -"])
        #expect(try made(notes) == "of 1.0")

        try notes.directory.removeFile("notes")
        let second = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(second.outcome == .backedOut(.health), "\(second)")
        #expect(
            try UnitTypeTests.lines(notes) == [
                "plan thing 2.0 1.0", "stage thing 2.0 1.0", "activate thing 2.0 1.0", "back-out thing 2.0 1.0",
            ])
        #expect(try made(notes) == "of 1.0")

        let stored = try await host.agent.store.stored(one)
        let thing = try #require(stored.manifest.units.first)
        #expect(try await host.agent.runner.activation.differences(thing, of: stored).isEmpty)
        try notes.directory.writeDurably("notes.made", Array("else".utf8))
        #expect(
            try await host.agent.runner.activation.differences(thing, of: stored) == ["the file is another"])

        let back = try await host.carryOut(repository.assignment(1, .backOut, one), order(1, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try UnitTypeTests.lines(notes).last == "back-out thing 1.0 -")
        #expect(try made(notes) == nil)
        try await host.end()
    }

    @Test("A plugin of the host is the one that agent.json names; what it says of its failure is what people read")
    func ofTheHost() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        for (name, step) in [("good", ""), ("bad", "stage")] {
            try notes.directory.writeDurably(
                name, Array(Self.program(notes.path + "/notes", fails: step).utf8), mode: 0o755)
        }
        let plugins = ["good": notes.path + "/good", "bad": notes.path + "/bad"]
        let host = try await TestHost(repository, plugins: plugins)
        for (number, name) in ["none", "bad", "good"].enumerated() {
            let release = try await repository.submit(
                "\(number + 1).0", files: [File("thing/content", name, isProgram: false)], units: [Self.unit(name)])
            let ended = try await host.carryOut(repository.assignment(number + 1, .install, release), order(number + 1))
            switch name {
            case "none":
                #expect(ended.failure?.evidence.error.code == "agent.plugin.unknown", "\(ended)")
                #expect(ended.outcome == .failed(.install))
            case "bad":
                #expect(ended.failure?.evidence.error.code == "agent.plugin.failed", "\(ended)")
                #expect(ended.failure?.evidence.error.summary.hasSuffix("failed in stage: the disk is green") == true)
                #expect(ended.failure?.evidence.error.remedy == "Paint it.")
                #expect(ended.failure?.evidence.logTail.contains("talk") == true)
            default: #expect(ended.outcome == .succeeded, "\(ended)")
            }
        }
        #expect(try made(notes) == "good")
        let without = try await repository.submit("4.0")
        #expect(try await host.carryOut(repository.assignment(4, .install, without), order(4)).outcome == .succeeded)
        #expect(try UnitTypeTests.lines(notes).last == "remove thing 3.0 -")
        #expect(try made(notes) == nil)
        try await host.end()
    }

    @Test("Whatever a plugin prints is one line of words, and no more than a thousand of them")
    func answers() {
        let flood = String(repeating: "{\"difference\":\"x\"}\n", count: 5000)
        #expect(PluginAnswer(flood, linesMax: 1000).differences.count == 1000)
        let odd = PluginAnswer(
            "{\n{\"difference\":7}\n{\"difference\":\"a\\nb\"}\n{\"error\":{}}\n[1]\nnull\n{\"error\":{\"summary\":\"s\"}}\n",
            linesMax: 1000)
        #expect(odd.differences == ["a b"])
        #expect(odd.error?.summary == "s")
    }

    @Test("The example's containers: pinned images are fetched, run, replaced, taken back and removed")
    func podman() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        // Stands for podman: images and containers are files, and what it is told is noted.
        let podman = """
            #!/bin/sh
            echo "$*" >> \(notes.path)/notes
            cd \(notes.path)
            case "$1 $2" in
                "image exists") test -e "image-$(printf %s "$3" | tr '/:@' '...')" ;;
                "pull --quiet") touch "image-$(printf %s "$3" | tr '/:@' '...')" ;;
                "container inspect") test -e "runs-$5" && cat "runs-$5" ;;
                "ps --all") ls | sed -n 's/^runs-//p' ;;
                "rm --force") rm -f "runs-$6" ;;
                "run --detach")
                    while [ "$1" != --name ]; do shift; done
                    name=$2
                    while [ "$1" != --label ]; do shift; done
                    echo "${2#slipway.image=} true" > "runs-$name" ;;
            esac
            """
        try notes.directory.writeDurably("podman", Array((podman + "\n").utf8), mode: 0o755)
        let plugin =
            "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
            + "/examples/plugin-podman/plugin"
        let host = try await TestHost(
            repository, variables: ["PODMAN": notes.path + "/podman"], plugins: ["podman": plugin])
        func submit(_ version: String, _ files: [(String, String)]) async throws -> HostRelease {
            try await repository.submit(
                version,
                files: files.map {
                    File("thing/\($0.0).container", "image=\($0.1)\nrun=--publish 1:2\n", isProgram: false)
                },
                units: [Self.unit("podman")])
        }
        func running() throws -> [String] {
            try notes.directory.list().map(\.name).filter { $0.hasPrefix("runs-") }
        }
        let one = try await submit("1.0", [("web", "r/web@sha256:aa"), ("db", "r/db@sha256:bb")])
        let two = try await submit("2.0", [("web", "r/web@sha256:cc")])
        let loose = try await submit("3.0", [("web", "r/web:latest")])
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        #expect(try running() == ["runs-slipway-web-thing-db", "runs-slipway-web-thing-web"])
        let second = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(second.outcome == .succeeded, "\(second)")
        #expect(try running() == ["runs-slipway-web-thing-web"])
        let refused = try await host.carryOut(repository.assignment(3, .install, loose), order(3))
        #expect(refused.failure?.evidence.error.summary.contains("without a digest") == true, "\(refused)")
        let back = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try running() == ["runs-slipway-web-thing-db", "runs-slipway-web-thing-web"])
        let web = try notes.directory.read("runs-slipway-web-thing-web", sizeMax: ByteCount(100))
        #expect(String(decoding: web, as: UTF8.self) == "r/web@sha256:aa true\n")
        try await host.end()
    }
}
