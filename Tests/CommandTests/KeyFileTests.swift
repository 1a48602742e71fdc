import Effects
import ReleaseDefinition
import Testing

@testable import slipway

@Suite struct KeyFileTests {
    @Test("A person's key is 0600, its public half beside it; nothing is written over")
    func generation() async throws {
        try await WorkFolder.with { work in
            let file = work.path + "/alice.pem"
            let key = try PersonKey.make(file)
            #expect(try work.status("alice.pem")?.mode == 0o600)
            #expect(try PersonKey.holder("alice=\(work.path)/alice.pub").key == key)
            let error = #expect(throws: CommandError.self) { try PersonKey.make(file) }
            #expect(error?.code == "command.key.exists")
            #expect(throws: (any Error).self) { try PersonKey.holder("alice") }
        }
    }

    @Test("A key that others can read is refused; an encrypted one is opened by its passphrase alone")
    func reading() async throws {
        try await WorkFolder.with { work in
            let file = work.path + "/bob.pem"
            let key = try PersonKey.make(file, passphrase: Array("correct horse".utf8))
            try work.writeDurably("right", Array("correct horse\n".utf8), mode: 0o600)
            try work.writeDurably("wrong", Array("battery\n".utf8), mode: 0o600)
            let text = String(decoding: try work.read("bob.pem", sizeMax: ByteCount(10_000)), as: UTF8.self)
            #expect(text.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
            func open(_ passphrase: String) throws -> [String] {
                try KeyFileOptions.parse(["--key-file", file, "--passphrase-file", "\(work.path)/\(passphrase)"]).keys(
                    noInput: true
                )
                .map(\.publicKey.keyID)
            }
            #expect(try open("right") == [key.keyID])
            #expect(throws: (any Error).self) { try open("wrong") }
            let unasked = #expect(throws: CommandError.self) {
                try KeyFileOptions.parse(["--key-file", file]).keys(noInput: true)
            }
            #expect(
                unasked?.summary.contains("--no-input") == true && unasked?.remedy.contains("--passphrase-file") == true
            )
            #expect(unasked.map { ProgramExit.report($0) } == .usage)
            try work.openFile("bob.pem").setMode(0o644)
            let error = #expect(throws: CommandError.self) { try open("right") }
            #expect(error?.code == "command.key.mode")
        }
    }

    @Test("Keys go off the controller whole, and no key is written over")
    func offline() async throws {
        try await WorkFolder.with { work in
            let keys = try work.createDirectory("keys")
            let stick = try work.createDirectory("stick")
            for name in ["root", "targets", "snapshot", "releases-2"] {
                try keys.writeDurably("\(name).pem", Array(name.utf8), mode: 0o600)
            }
            try stick.writeDurably("targets.pem", Array("another".utf8), mode: 0o600)
            let wanted: Set = ["root", "targets", "releases"]
            #expect(throws: CommandError.self) { try KeysOfflineCommand.move(wanted, from: keys, to: stick) }
            #expect(try keys.list().count == 4)
            try stick.removeFile("targets.pem")
            #expect(
                try KeysOfflineCommand.move(wanted, from: keys, to: stick)
                    == ["releases-2.pem", "root.pem", "targets.pem"])
            #expect(try keys.list().map(\.name) == ["snapshot.pem"])
            #expect(try stick.status("root.pem")?.mode == 0o600)
        }
    }
}
