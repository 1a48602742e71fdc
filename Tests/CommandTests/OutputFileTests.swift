import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import slipway

@Suite("Files that commands make")
struct OutputFileTests {
    @Test("A file is there whole or not at all, and nothing is left beside it")
    func wholeOrNothing() async throws {
        try await WorkFolder.with { work in
            let path = work.path + "/made"
            #expect(throws: CommandError.self) {
                try OutputFile(path).write { file in
                    try file.write(Array("half".utf8))
                    throw CommandError(code: "test", summary: "It breaks.", remedy: "None.")
                }
            }
            #expect(try work.list().isEmpty)
            try OutputFile(path).write { try $0.write(Array("whole".utf8)) }
            #expect(try work.read("made", sizeMax: ByteCount(100)) == Array("whole".utf8))
            #expect(try work.list().map(\.name) == ["made"])
        }
    }

    @Test("A file that holds something else is replaced with --force alone; the same bytes again change nothing")
    func force() async throws {
        try await WorkFolder.with { work in
            let path = work.path + "/made"
            func write(_ text: String, force: Bool = false) throws {
                try OutputFile(path, force: force).write { try $0.write(Array(text.utf8)) }
            }
            try write("first")
            let inode = try work.status("made")?.inode
            try write("first")
            #expect(try work.status("made")?.inode == inode)
            for other in ["other", "first and more", ""] {
                let error = #expect(throws: CommandError.self) { try write(other) }
                #expect(error?.code == "command.output.exists")
                #expect(error.map { ProgramExit.report($0) } == .conflict)
            }
            #expect(try work.read("made", sizeMax: ByteCount(100)) == Array("first".utf8))
            try write("other", force: true)
            #expect(try work.read("made", sizeMax: ByteCount(100)) == Array("other".utf8))
            #expect(try work.list().map(\.name) == ["made"])
        }
    }

    @Test("What is no regular file is not replaced: a pipe, a link, a folder")
    func otherKinds() async throws {
        try await WorkFolder.with { work in
            #expect(mkfifo(work.path + "/pipe", 0o600) == 0)
            try work.createSymlink("link", to: "elsewhere")
            _ = try work.createDirectory("folder")
            for name in ["pipe", "link", "folder"] {
                let error = #expect(throws: CommandError.self) { try OutputFile(work.path + "/" + name) }
                #expect(error?.code == "command.output.kind", "\(name)")
            }
            #expect(try work.list().map(\.name) == ["folder", "link", "pipe"])
        }
    }
}
