import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Tags of files that change")
struct RepositoryTagTests {
    private let folder: TemporaryFolder
    private let directory: Directory
    private let tags = RepositoryTags()
    private var path: String { folder.path + "/a" }

    init() throws {
        folder = try TemporaryFolder()
        directory = try Directory.open(folder.path)
        try directory.writeDurably("a", Array("one".utf8))
    }

    /// Once the file has been the same for a moment.
    private func keep(_ tag: String) async throws {
        try await eventually {
            tags.keep(tag, of: path, try directory.openFile("a"))
            return tags.tag(of: path) == tag
        }
    }

    @Test("A tag is known until its file is replaced, written into or removed")
    func changed() async throws {
        #expect(tags.tag(of: path) == nil)
        try await keep("1")
        let old = try directory.openFile("a")
        try directory.writeDurably("a", Array("two".utf8))
        #expect(tags.tag(of: path) == nil)
        // Of what was read just before it was replaced.
        tags.keep("1", of: path, old)
        #expect(tags.tag(of: path) == nil)
        try await keep("2")
        let descriptor = open(path, O_WRONLY)
        #expect(write(descriptor, "owt", 3) == 3)
        close(descriptor)
        #expect(tags.tag(of: path) == nil)
        try await keep("3")
        try directory.removeFile("a")
        #expect(tags.tag(of: path) == nil)
    }

    @Test("What was published is served at once to a host that has what was there before and was told so often")
    func published() async throws {
        let test = try TestController()
        try await test.run { running in
            let (name, controller) = ("metadata/timestamp.json", running.controller)
            let client = try TestClient(test, running)
            let first = try await client.send("GET", "/repository/\(name)")
            let tag = try #require(first.head["etag"])
            let known = [HTTPField("If-None-Match", tag)]
            let place = "\(test.folder.path)/\(ControllerDirectory.repositoryName)/\(name)"
            try await eventually {
                let status = try await client.send("GET", "/repository/\(name)", headers: known).status
                return status == 304 && controller.repositoryTags.tag(of: place) == tag
            }
            #expect(try await client.send("GET", "/repository/\(name)", headers: known).status == 304)
            let repository = try controller.folder.repository()
            try repository.writeDurably(name, first.body + [0x0A])
            let next = try await client.send("GET", "/repository/\(name)", headers: known)
            #expect(next.status == 200 && next.body == first.body + [0x0A])
            #expect(next.head["etag"] != tag)
            await client.close()
        }
    }
}
