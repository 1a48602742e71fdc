import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("What the disk is told, and how much of it is used", .serialized)
struct DurabilityTests {
    private static let strace = "/usr/bin/strace"

    /// One system call of the trace that matters here.
    private enum Call {
        case write(String)
        case sync(String)
        case syncAll
        case rename(String, String)
    }

    @Test(
        "R41: every name that is given is given to bytes that are on the disk, and the folder is synced before the next step",
        .enabled(if: access(strace, X_OK) == 0, "scripts/test installs strace"))
    func traced() async throws {
        for scenario in try await FaultScenario.prepare() {
            let host = try await FaultHost(scenario, shim: "")
            let trace = try TemporaryFolder()
            let result = try await LiveProcesses().run(
                ProcessCommand(
                    executable: Self.strace,
                    arguments: [
                        "-f", "-b", "execve", "-y", "-qq", "-s", "4096", "-e",
                        "trace=write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2", "-e", "signal=none",
                        "-o", trace.path + "/trace", RealAgent.program,
                    ] + scenario.words + ["--dir", host.dir.path],
                    environment: ["SWIFT_BACKTRACE": "enable=no"], workingDirectory: "/", timeout: .seconds(180)))
            guard case .exited(let code) = result.end, scenario.codes.contains(code) else {
                Issue.record("\(scenario.name): \(result.end) \(result.output.suffix(1000))")
                continue
            }
            let text = String(
                decoding: try trace.directory.read("trace", sizeMax: ByteCount(64 << 20)), as: UTF8.self)
            let calls = Self.calls(text)
            Self.judge(calls, scenario.name, dir: host.dir.path, root: host.root.path)
            try await host.end()
        }
    }

    /// `12 renameat2(5</a>, "b", 6</c>, "d") = 0`: `-y` shows the paths of descriptors. Programs that the agent starts are let
    /// go at their execve.
    private static func calls(_ text: String) -> [Call] {
        var unfinished: [Substring: Substring] = [:]
        return text.split(separator: "\n").compactMap { line -> Call? in
            guard let space = line.firstIndex(of: " ") else { return nil }
            let process = line[..<space]
            var call = line[space...].drop { $0 == " " }
            if call.hasSuffix("<unfinished ...>") {
                unfinished[process] = call.dropLast("<unfinished ...>".count)
                return nil
            }
            if call.hasPrefix("<... "), let begun = unfinished.removeValue(forKey: process),
                let end = call.firstRange(of: "resumed>")
            {
                call = Substring(begun + call[end.upperBound...])
            }
            guard let open = call.firstIndex(of: "("), let result = call.split(separator: " = ").last,
                !result.hasPrefix("-")
            else { return nil }
            let paths = call.matches(of: /<(\/[^>]*)>/).map { String($0.output.1) }
            let names = call.matches(of: /"([^"]*)"/).map { String($0.output.1) }
            switch call[..<open] {
            case "write", "pwrite64": return paths.first.map { .write($0) }
            case "fsync", "fdatasync": return paths.first.map { .sync($0) }
            case "syncfs": return .syncAll
            case "rename", "renameat", "renameat2":
                guard names.count == 2 else { return nil }
                func whole(_ position: Int) -> String {
                    names[position].hasPrefix("/") || paths.count <= position
                        ? names[position] : paths[position] + "/" + names[position]
                }
                return .rename(whole(0), whole(1))
            default: return nil
            }
        }
    }

    private static func judge(_ calls: [Call], _ name: String, dir: String, root: String) {
        // What is made anew after a crash: packages and downloads on their way, what services print.
        let passing = ["package", "downloads", "logs", "by-hand.log"].map { dir + "/" + $0 }
        let flushed = calls.compactMap { call in if case .sync(let path) = call { path } else { nil } }
        #expect(!flushed.contains { $0.hasPrefix(dir + "/downloads") }, "\(name): what is on its way is not waited for")
        func matters(_ path: String) -> Bool {
            (path.hasPrefix(dir + "/") || path.hasPrefix(root + "/"))
                && !passing.contains { path == $0 || path.hasPrefix($0 + "/") }
        }
        var dirty: Set<String> = []
        var renamedIn: Set<String> = []
        var renames = 0
        for call in calls {
            switch call {
            case .write(let path): if matters(path), !path.hasSuffix("/.lock") { dirty.insert(path) }
            case .sync(let path):
                dirty.remove(path)
                renamedIn.remove(path)
            case .syncAll: (dirty, renamedIn) = ([], [])
            case .rename(let from, let to):
                guard matters(to) else { continue }
                renames += 1
                let within = dirty.filter { $0 == from || $0.hasPrefix(from + "/") }
                #expect(within.isEmpty, "\(name): \(to) got its name before \(within.sorted()) was on the disk")
                // The journal has every word before its act.
                #expect(!dirty.contains(dir + "/journal"), "\(name): \(to) before the journal was synced")
                if let slash = to.lastIndex(of: "/") { renamedIn.insert(String(to[..<slash])) }
            }
        }
        #expect(renames > 3, "\(name): \(renames) renames were seen")
        #expect(renamedIn.isEmpty, "\(name): these folders were never synced after a rename: \(renamedIn.sorted())")
        #expect(dirty.isEmpty, "\(name): these files were never synced: \(dirty.sorted())")
    }

    @Test("R40: thirty days with a rollout an hour and a controller that comes and goes: state and logs stay small")
    func month() async throws {
        let (rollouts, sizeMax) = (Sweep.amount(720, sample: 40), 200 << 20)
        let repository = try TestRepository()
        let host = try await TestHost(repository)
        let units = [try UnitTypeTests.plain("crons", .file, installTo: "/etc")]
        var heard: Int64 = 0
        for hour in 1...rollouts {
            let release = try await repository.submit(
                "1.\(hour)", files: [.init("crons/cron.d/web", "job \(hour)\n", isProgram: false)], units: units)
            let ended = try await host.carryOut(repository.assignment(hour, .install, release), order(hour))
            #expect(ended.outcome == .succeeded, "\(ended)")
            // It hears of half the days; what waits is kept.
            if hour / 12 % 2 == 0, let last = await host.reports.last {
                try await host.agent.acknowledge(last.sequence)
                heard = last.sequence
            }
        }
        #expect(heard > 0)
        let du = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/du", arguments: ["-sb", host.dir.path, host.root.path], workingDirectory: "/",
                timeout: .seconds(60)))
        let sizes = du.output.split(separator: "\n").compactMap { Int($0.prefix { $0.isNumber }) }
        #expect(sizes.count == 2 && sizes.reduce(0, +) < sizeMax * rollouts / 720, "\(du.output)")
        #expect(await host.record.releases.count <= 4)
        try await host.end()
    }
}
