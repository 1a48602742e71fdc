import ControllerAPI
import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing

import enum TestSupport.SmallDisk

@testable import ControllerLibrary

/// What submissions may take of the controller's disk.
@Suite("Room for submissions")
struct UploadRoomTests {
    private func room(free: Int64, kept: Int64, atOnce: Int = 8) -> UploadRoom {
        var rules = RateRules()
        (rules.uploads, rules.spaceKept) = (atOnce, kept)
        return UploadRoom(rules) { ByteCount(free) }
    }

    private func code(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return (error as? ControllerError)?.code }
        return nil
    }

    @Test("So many have a place at once; one that is given back is the next one's")
    func places() throws {
        let room = room(free: 100, kept: 0, atOnce: 2)
        let (one, two) = (try room.enter(), try room.enter())
        let error = #expect(throws: ControllerError.self) { _ = try room.enter() }
        #expect(error?.code == "controller.request.uploads" && error?.status.code == 429)
        #expect(error?.retryAfter == .seconds(5))
        one.leave()
        let three = try room.enter()
        #expect(throws: ControllerError.self) { _ = try room.enter() }
        two.leave()
        three.leave()
    }

    @Test("What others claimed and what is kept for the record is nobody else's")
    func claims() throws {
        let room = room(free: 1000, kept: 100)
        let (one, two) = (try room.enter(), try room.enter())
        try one.claim(600)
        let error = #expect(throws: ControllerError.self) { try two.claim(301) }
        #expect(error?.code == "controller.request.space" && error?.status.code == 507)
        #expect(error?.summary.contains("301 B") == true && error?.summary.contains("300 B") == true)
        try two.claim(300)
        // A claim is what there still is to be written: the next takes the place of the last.
        #expect(code { try one.claim(601) } == "controller.request.space")
        try one.claim(100)
        #expect(try two.claimHalf() == 400)
        #expect(code { try one.claim(501) } == "controller.request.space")
        two.leave()
        try one.claim(900)
        #expect(try room.enter().claimHalf() == 0)
    }

    /// On a disk of 12 MiB, of which one is kept.
    private func controller(_ disk: Directory, atOnce: Int = 8) throws -> TestController {
        let test = try TestController(in: disk.path)
        let folder = try ControllerDirectory.open(test.folder.path)
        var configuration = try folder.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        var rules = RateRules()
        (rules.uploads, rules.spaceKept) = (atOnce, 1 << 20)
        configuration.limits = rules
        try folder.write(ControllerDirectory.configurationName, json: configuration)
        return test
    }

    /// Of characters that are six bits each.
    private func noise(_ size: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/".utf8)
        return String(decoding: SystemRandom().bytes(size).map { letters[Int($0 & 63)] }, as: UTF8.self)
    }

    @Test(
        "Where a release has no room beside others it is refused before it is received; nothing of it is left, and it is taken later",
        .enabled(if: SmallDisk.isPossible, "mounts a file system"))
    func refused() async throws {
        try await SmallDisk.with(size: "12m") { disk in
            let test = try controller(disk, atOnce: 2)
            try await test.run { running in
                let client = try TestClient(test, running, token: test.adminToken)
                let work = try Directory.open(test.folder.path).createDirectory("work", mode: 0o700)
                let archive = try TestFleet.archive(version: "1.0", content: noise(2 << 20))
                let other = try running.controller.uploads.enter()
                try other.claim(6 << 20)
                let free = try disk.freeSpace()
                let full = try await TestFleet.submit(archive: archive, by: client)
                #expect(full.status == 507 && full.problemCode == "controller.request.space")
                #expect(try full.json(Problem.self).remedy.contains("retention"))
                #expect(try work.list().isEmpty)
                #expect(try disk.freeSpace().value >= free.value - (1 << 20))
                // Who comes while others have all places is told when to come again.
                let third = try running.controller.uploads.enter()
                let busy = try await TestFleet.submit(archive: archive, by: client)
                #expect(busy.status == 429 && busy.problemCode == "controller.request.uploads")
                #expect(busy.header("Retry-After") == "5")
                third.leave()
                other.leave()
                #expect(try await TestFleet.submit(archive: archive, by: client).status == 201)
                await client.close()
            }
        }
    }

    @Test(
        "An archive that unpacks to more than there is room for is refused while it is unpacked, and nothing of it is left",
        .enabled(if: SmallDisk.isPossible, "mounts a file system"))
    func archive() async throws {
        try await SmallDisk.with(size: "12m") { disk in
            let test = try controller(disk)
            try await test.run { running in
                let client = try TestClient(test, running, token: test.adminToken)
                let around = try TemporaryFolder()
                let folder = try Directory.open(around.path)
                // 4 MiB in a few kilobytes, which the ratio allows: a quarter of the disk is less.
                let tree = try folder.createDirectory("tree")
                try tree.writeDurably("zeros", [UInt8](repeating: 0, count: 4 << 20))
                let packed = try folder.createDirectory("sent")
                try packed.createDirectory("archive")
                let made = try await LiveProcesses().run(
                    ProcessCommand(
                        executable: "/bin/tar", arguments: ["-czf", "sent/archive/x.tar.gz", "-C", "tree", "."],
                        workingDirectory: around.path, timeout: .minutes(1)))
                try #require(made.end == .exited(0), "\(made.output)")
                try packed.writeDurably("release.yaml", Array("product: web\nversion: \"1.0\"\n".utf8))
                let answer = try await client.send(
                    "POST", "/v1/releases?environment=staging",
                    headers: [HTTPField("Content-Type", ReleaseSubmissionType.foreignArchive.rawValue)],
                    bytes: SourceArchive.bytes(of: packed))
                #expect(answer.status == 507 && answer.problemCode == "controller.request.space")
                #expect(try answer.json(Problem.self).detail.contains("x.tar.gz"))
                #expect(try Directory.open(test.folder.path).list("work").isEmpty)
                #expect(try disk.freeSpace().value > 9 << 20)
                await client.close()
            }
        }
    }

    @Test(
        "Releases that come all at once leave the record its space; the controller goes on, and takes what has room",
        .enabled(if: SmallDisk.isPossible, "mounts a file system"))
    func atOnce() async throws {
        try await SmallDisk.with(size: "12m") { disk in
            let test = try controller(disk)
            try await test.run { running in
                let client = try TestClient(test, running, token: test.adminToken)
                let archives = try (1...6).map { try TestFleet.archive(version: "\($0).0", content: noise(2 << 20)) }
                let answers = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
                    for archive in archives {
                        group.addTask { try await TestFleet.submit(archive: archive, by: client) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                // There is no room for six of them, whoever comes first.
                let taken = answers.filter { $0.status == 201 }.count
                #expect(taken >= 1 && taken < 6, "\(answers.map(\.status))")
                #expect(answers.allSatisfy { $0.status == 201 || $0.problemCode == "controller.request.space" })
                #expect(try disk.freeSpace().value >= 1 << 20)
                #expect(try Directory.open(test.folder.path).list("work").isEmpty)
                #expect(try await TestFleet.submit("7.0", by: client).status == 201)
                #expect(await running.controller.releaseViews().count == taken + 1)
                await client.close()
            }
        }
    }
}
