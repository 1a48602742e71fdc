import Glibc
import ReleaseDefinition
import Synchronization
import TestSupport
import Testing

@testable import Effects

@Suite("What a process holds, and what a dead one left")
struct ClaimTests {
    let folder: TemporaryFolder
    var directory: Directory { folder.directory }

    init() throws { folder = try TemporaryFolder() }

    private func names() throws -> [String] { try directory.list().map(\.name) }

    @Test("What is held stays, however often somebody sweeps; what nobody holds goes")
    func sweeping() throws {
        let held = try directory.claimDirectory(".work-", mode: 0o700)
        let file = try directory.claimFile(".work-")
        try held.place.createFile("inside").write(Array("x".utf8))
        // As a killed process leaves them: there, and without a lock.
        try directory.createDirectory(".work-0123456789abcdef01234567/deep/er", mode: 0o700)
        _ = try directory.createFile(".work-ffffffffffffffffffffffff")
        #expect(try directory.sweepClaims(".work-") == 2)
        #expect(try names() == [held.name, file.name].sorted())
        #expect(try directory.sweepClaims(".work-") == 0)
        try held.become("kept")
        try file.remove()
        #expect(try names() == ["kept"])
        #expect(try directory.read("kept/inside", sizeMax: ByteCount(10)) == Array("x".utf8))
    }

    @Test("A claim that is given up, by whatever way, is swept")
    func givenUp() async throws {
        var claim: Claim<Directory>? = try directory.claimDirectory(".work-")
        #expect(try directory.sweepClaims(".work-") == 0)
        #expect(claim != nil)
        claim = nil
        // A program that another test starts at this moment holds a copy of what was closed until it runs.
        try await eventually { try directory.sweepClaims(".work-") == 1 }
        #expect(try names().isEmpty)
    }

    @Test(
        "Names that only look alike, links and what another kind of program made are left alone",
        arguments: [
            ".work-", ".work-short", ".work-0123456789ABCDEF01234567", ".work-0123456789abcdef012345678",
            ".work-0123456789abcdef0123456789", ".other-0123456789abcdef01234567", "0123456789abcdef01234567",
        ])
    func others(_ name: String) throws {
        try directory.createDirectory(name)
        try directory.createSymlink(".work-aaaaaaaaaaaaaaaaaaaaaaaa", to: name)
        #expect(mkfifo(folder.path + "/.work-bbbbbbbbbbbbbbbbbbbbbbbb", 0o600) == 0)
        #expect(try directory.sweepClaims(".work-") == 0)
        #expect(try names().count == 3)
    }

    @Test("What belongs to somebody else stays", .enabled(if: geteuid() == 0, "only root may give a folder away"))
    func otherOwner() throws {
        try directory.createDirectory(".work-0123456789abcdef01234567")
        #expect(chown(folder.path + "/.work-0123456789abcdef01234567", 65534, 65534) == 0)
        #expect(try directory.sweepClaims(".work-") == 0)
    }

    @Test(
        "Who may make or take away a name is the folder's owner, or in a folder that is everybody's the file's",
        .enabled(if: geteuid() == 0, "only root may give a file away"))
    func namesOwner() throws {
        try directory.createDirectory("in")
        _ = try directory.createFile("in/file")
        let (folder, file) = (folder.path + "/in", folder.path + "/in/file")
        #expect(chown(file, 1, 1) == 0)
        func words(_ path: String, _ naming: Bool) -> String? {
            PathOwner(of: path, asFolderOf: naming, askedBy: 1)?.words
        }
        #expect(words(file, false)?.hasPrefix("\(file) belongs to daemon") == true)
        for path in [file, file + " → \(folder)/other", file + " ⇄ other"] {
            #expect(words(path, true)?.hasPrefix("\(folder) belongs to root") == true, "\(words(path, true) ?? "")")
        }
        #expect(chmod(folder, 0o1777) == 0)
        #expect(words(file, true)?.hasPrefix("\(file) belongs to daemon") == true)
        #expect(words(folder + "/none", true)?.hasPrefix("\(folder) belongs to root") == true)
    }

    @Test(
        "No cure gives away a folder that others live in", .enabled(if: geteuid() == 0, "only root may look everywhere")
    )
    func cures() throws {
        try directory.createDirectory("in", mode: 0o700)
        let own = folder.path + "/in"
        func remedy(_ path: String, _ naming: Bool = false) -> String? {
            PathOwner(of: path, asFolderOf: naming, askedBy: 1)?.remedy
        }
        #expect(remedy(own)?.hasSuffix("chown -R daemon: \(own)") == true)
        for cure in [
            remedy("/var/lib/none"), remedy("/var/lib/none", true), remedy(own, true), remedy("/tmp"), remedy("/"),
        ] {
            #expect(cure == "Run this as root, or name a place where daemon may write.")
        }
    }

    @Test("A lock whose file was taken away holds nobody off, and the next one is whole")
    func removedLock() throws {
        let first = try #require(try directory.lock())
        #expect(try directory.lock() == nil)
        try directory.removeFile(".lock")
        let second = try #require(try directory.lock())
        first.release()
        #expect(try directory.lock() == nil)
        second.release()
        #expect(try directory.lock() != nil)
    }

    @Test("A large folder goes little by little, and only as much as all of a sweep may take")
    func large() throws {
        for name in [".work-000000000000000000000001", ".work-000000000000000000000002"] {
            for number in 0..<30 { try directory.createDirectory("\(name)/deep/\(number)") }
        }
        // 32 entries each: the first sweep ends within the one that it meets first, or just behind it.
        #expect(try directory.sweepClaims(".work-", entriesMax: 20) == 0)
        #expect(try names().count == 2)
        var sweeps = 1
        while try !names().isEmpty, sweeps < 20 {
            _ = try directory.sweepClaims(".work-", entriesMax: 20)
            sweeps += 1
        }
        #expect(try names().isEmpty)
        #expect((4..<20).contains(sweeps), "\(sweeps)")
    }

    @Test("A sweep takes no more than it is told, and the next one goes on")
    func bounded() throws {
        for number in 0..<10 { try directory.createDirectory(".work-00000000000000000000000\(number)") }
        #expect(try directory.sweepClaims(".work-", atMost: 4) == 4)
        #expect(try names().count == 6)
        #expect(try directory.sweepClaims(".work-") == 6)
    }

    @Test("Makers and sweepers at once: whoever has a claim keeps what lies in it")
    func race() async throws {
        let directory = directory
        let isDone = Mutex(false)
        async let sweeper: Int = Task.detached {
            var swept = 0
            while !isDone.withLock({ $0 }) { swept += try directory.sweepClaims(".work-") }
            return swept
        }.value
        for _ in 0..<2000 {
            let claim = try directory.claimDirectory(".work-")
            let file = try directory.claimFile(".work-")
            try directory.createDirectory(claim.name + "/sub")
            #expect(try directory.status(claim.name + "/sub")?.kind == .directory)
            #expect(try directory.status(file.name)?.kind == .file)
            try claim.remove()
            try file.remove()
        }
        isDone.withLock { $0 = true }
        _ = try await sweeper
        #expect(try names().isEmpty)
    }
}
