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

    @Test("A file is not made in a folder that is packed, nor where there is no folder")
    func places() async throws {
        try await WorkFolder.with { work in
            for name in ["app/build/deep", "app/builds"] { _ = try work.createDirectory(name) }
            try work.createSymlink("other", to: "app/build")
            let packed = [work.path + "/app/./build", work.path + "/app/gone"]
            for name in ["app/build/z", "app/build/deep/z", "app/build/../build/z", "other/z"] {
                let error = #expect(throws: CommandError.self) {
                    try OutputFile("\(work.path)/\(name)").refuse(within: packed)
                }
                #expect(error?.code == "command.output.packed", "\(name)")
            }
            for name in ["app/z", "app/builds/z", "z"] {
                try OutputFile("\(work.path)/\(name)").refuse(within: packed)
            }
            let error = #expect(throws: CommandError.self) { try OutputFile("\(work.path)/none/z") }
            #expect(error?.code == "command.output.folder")
        }
    }

    @Test("A definition that is a folder further down, and a file of values that is missing, are named")
    func definitions() async throws {
        try await WorkFolder.with { work in
            let text = Array("product: web\n".utf8)
            _ = try work.createDirectory("app")
            try work.writeDurably("app/release.yaml", text)
            for (name, remedy) in [("w.tar.gz", "tar -C app -czf w.tar.gz ."), ("w", "w/app")] {
                let error = #expect(throws: CommandError.self) { try ReleaseFolder.definition(in: work, named: name) }
                #expect(error?.summary.contains("app/release.yaml") == true)
                #expect(error?.remedy.hasSuffix(remedy) == true)
            }
            let definition = ReleaseDefinition(
                product: try ProductName("web"), version: try ReleaseVersion("1.0"), category: .major, summary: "a",
                owner: "b", units: [], values: [ValuesFile(environment: try EnvironmentName("live"), path: "v.yaml")])
            let error = #expect(throws: CommandError.self) { try ReleaseFolder.values(of: definition, in: work) }
            #expect(error?.summary.hasPrefix("values.live of release.yaml names v.yaml") == true)
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
