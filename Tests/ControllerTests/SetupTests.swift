import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Set-up and running")
struct SetupTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Secrets are readable by their owner alone, and the admin token is kept nowhere but in its file")
    func secrets() throws {
        let plan = try Initialisation(listen: "127.0.0.1:0", profile: "solo", environments: "staging")
        try plan.perform(in: folder.path)
        let directory = try Directory.open(folder.path)
        for name in KeyName.all.map({ "keys/\($0).pem" })
            + [
                ControllerDirectory.adminTokenName, ControllerDirectory.authorityKeyName,
                ControllerDirectory.serverKeyName,
            ]
        {
            #expect(try directory.status(name)?.mode == 0o600, "\(name)")
        }
        let token = try directory.read(ControllerDirectory.adminTokenName, sizeMax: ByteCount(100)).prefix(64)
        let database = try directory.read(ControllerDirectory.databaseName, sizeMax: ByteCount(10 << 20))
        #expect(token.count == 64)
        #expect(!String(decoding: database, as: UTF8.self).contains(String(decoding: token, as: UTF8.self)))
    }

    @Test("A folder is closed to others by init and by run, and run refuses one into which others may write")
    func folderMode() async throws {
        let directory = try Directory.open(folder.path)
        try directory.setMode(0o777)
        let plan = try Initialisation(listen: "127.0.0.1:0", profile: "solo", environments: "staging")
        #expect(try plan.perform(in: folder.path))
        #expect(try directory.status().mode == 0o700)
        for mode: UInt16 in [0o770, 0o702] {
            try directory.setMode(mode)
            let error = #expect(throws: ControllerError.self) { try Controller(directory: folder.path) }
            #expect(error?.code == "controller.setup.folderMode")
        }
        for mode: UInt16 in [0o755, 0o750, 0o701] {
            try directory.setMode(mode)
            let controller = try Controller(directory: folder.path)
            #expect(try directory.status().mode == 0o700)
            await controller.close()
        }
    }

    @Test("An init that was cut short is said to be, and the next one begins anew; what is not its own stays")
    func cutShort() async throws {
        let directory = try Directory.open(folder.path)
        let plan = try Initialisation(listen: "127.0.0.1:0", profile: "solo", environments: "staging")
        try plan.perform(in: folder.path)
        #expect(try directory.status(ControllerDirectory.unfinishedName) == nil)
        let first = try directory.read("keys/root.pem", sizeMax: ByteCount(10_000))
        // As a signal leaves it, just before the end.
        try directory.removeFile(ControllerDirectory.configurationName)
        try directory.writeDurably(ControllerDirectory.unfinishedName, [])
        let error = #expect(throws: ControllerError.self) { try Controller(directory: folder.path) }
        #expect(error?.summary.contains("cut short") == true && error?.remedy.contains("init again") == true)
        #expect(error?.remedy.contains("dropdb NAME && createdb NAME") == true)
        try directory.writeDurably("precious", [1])
        let refused = #expect(throws: ControllerError.self) { try plan.perform(in: folder.path) }
        #expect(refused?.code == "controller.conflict.exists")
        #expect(try directory.list().map(\.name) == ["precious"])
        try directory.removeFile("precious")
        try plan.perform(in: folder.path)
        #expect(try directory.read("keys/root.pem", sizeMax: ByteCount(10_000)) != first)
        await (try Controller(directory: folder.path)).close()
    }

    @Test("A folder that holds anything is not overwritten")
    func noOverwriting() throws {
        let directory = try Directory.open(folder.path)
        try directory.writeDurably("precious", [1])
        let plan = try Initialisation(listen: "127.0.0.1:0", profile: "solo", environments: "staging")
        let error = #expect(throws: ControllerError.self) { try plan.perform(in: folder.path) }
        #expect(error?.code == "controller.conflict.exists")
        #expect(try directory.list().map(\.name) == ["precious"])
    }

    @Test(
        "What cannot be set up is refused with a word",
        arguments: [
            ("127.0.0.1:1", "other", "staging", "controller.setup.profile"),
            ("127.0.0.1", "solo", "staging", "controller.setup.address"),
            ("::1:99999", "solo", "staging", "controller.setup.address"),
            ("::1:80", "solo", "staging", "controller.setup.address"),
            ("h:1", "solo", "", "controller.setup.environments"),
            ("h:1", "solo", "a,a", "controller.setup.environments"),
            ("h:1", "solo", "emergency", "controller.setup.environments"),
        ])
    func refused(_ listen: String, _ profile: String, _ environments: String, _ code: String) {
        let error = #expect(throws: ControllerError.self) {
            try Initialisation(listen: listen, profile: profile, environments: environments)
        }
        #expect(error?.code == code)
    }

    @Test("No folder, and a name that no host could reach it by, are mistakes of what was typed: nothing is made")
    func nothingNamed() async throws {
        for words in [["init", "--dir", ""], ["run", "--dir", ""], ["backup", "--dir", "", "--output", "x"]] {
            let error = #expect(throws: (any Error).self) { try ControllerCommand.parseAsRoot(words) }
            #expect(error.map { ControllerCommand.fullMessage(for: $0) }?.contains("names no folder.") == true)
        }
        let made = "\(folder.path)/made"
        for name in ["", " ", "https://controller", "über"] {
            #expect(await ControllerCommand.execute(["init", "--dir", made, "--name", name]) == 2)
        }
        #expect(try Directory.open(folder.path).status("made") == nil)
        #expect(throws: Never.self) {
            try InitialiseCommand.parse(["--dir", made, "--name", "::1", "--name", "a.example"])
        }
    }

    @Test("A second controller in the same folder is refused; a folder without one says how to make it")
    func oneProcess() async throws {
        let none = #expect(throws: ControllerError.self) { try Controller(directory: folder.path) }
        #expect(none?.code == "controller.setup.notInitialised")
        try Initialisation(listen: "127.0.0.1:0", profile: "solo", environments: "staging").perform(in: folder.path)
        let first = try Controller(directory: folder.path)
        let second = #expect(throws: ControllerError.self) { try Controller(directory: folder.path) }
        #expect(second?.code == "controller.setup.running")
        await first.close()
        let third = try Controller(directory: folder.path)
        await third.close()
    }

    @Test("A port that is taken is named, with what to do")
    func portTaken() async throws {
        let test = try TestController()
        try await test.run { running in
            var configuration = running.controller.configuration
            configuration.listen = "127.0.0.1:\(running.port)"
            let other = try TestController()
            let made = try ControllerDirectory.open(other.folder.path)
            try made.write(ControllerDirectory.configurationName, json: configuration)
            let error = await #expect(throws: ControllerError.self) { try await other.start() }
            #expect(error?.code == "controller.setup.listen")
        }
    }

    @Test("Timestamps are renewed before they expire, and the server's certificate at the start")
    func renewal() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        let made = try ControllerDirectory.open(test.folder.path)
        let certificate = try made.text(ControllerDirectory.serverCertificateName)
        func version() throws -> Int64? {
            let text = try made.text("repository/metadata/timestamp.json")
            return try JSONValue(parsing: Array(text.utf8))["signed"]?["version"]?.integerValue
        }
        try await test.run { _ in
            #expect(try version() == 1)
            try await eventually {
                time.advance(by: .hours(1))
                return try version() == 2
            }
            #expect(try made.text(ControllerDirectory.serverCertificateName) == certificate)
        }
        time.setNow(time.now() + .days(330))
        try await test.run { _ in
            let renewed = try made.text(ControllerDirectory.serverCertificateName)
            #expect(renewed != certificate)
        }
    }
}
