import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@Suite("The blob store")
struct BlobStoreTests {
    let folder: TemporaryFolder
    let store: BlobStore
    let hello = Array("hello".utf8)

    init() throws {
        folder = try TemporaryFolder()
        store = BlobStore(folder.directory)
    }

    @Test("What is added is found by its digest, once, and read back")
    func add() throws {
        let blob = try store.add(hello)
        #expect(try store.add(hello) == blob)
        #expect(try store.has(blob))
        #expect(try store.read(blob) == hello)
        #expect(try store.digests() == [SHA256Digest(of: hello)])
        #expect(try folder.directory.list().map(\.name) == [blob.sha256.hex])
        try store.remove(blob)
        #expect(try !store.has(blob))
        #expect(code { _ = try store.read(blob) } == "packaging.blob.absent")
    }

    @Test("Other bytes under a digest's name are never handed out")
    func wrongBytes() throws {
        let blob = try store.add(hello)
        try folder.directory.writeDurably(blob.sha256.hex, Array("jello".utf8))
        #expect(code { _ = try store.read(blob) } == "packaging.blob.digest")
        try folder.directory.writeDurably(blob.sha256.hex, Array("longer".utf8))
        #expect(try !store.has(blob))
        #expect(code { _ = try store.open(blob) } == "packaging.blob.length")
    }

    @Test("A blob that is given up leaves nothing, and leftovers of a killed writer harm nobody")
    func leftovers() throws {
        do {
            let writer = try store.newBlob()
            try writer.write(hello)
        }
        #expect(try folder.directory.list().isEmpty)
        for name in [".new-1-0", ".partial-abc", "README", "0123"] {
            try folder.directory.writeDurably(name, Array("left".utf8))
        }
        try folder.directory.createDirectory(".new-1-1/full/of/things")
        try folder.directory.createDirectory(SHA256Digest(of: [9]).hex)
        let blob = try store.add(hello)
        #expect(try store.digests() == [blob.sha256])
        try store.sweep()
        #expect(try folder.directory.list().map(\.name).filter { $0.hasPrefix(".") }.isEmpty)
        #expect(try folder.directory.status("README") != nil)
        #expect(try store.has(blob))
    }

    @Test("A sweep leaves alone whoever is still writing, and the downloads that go on")
    func sweepWhileWriting() throws {
        let writer = try store.newBlob()
        try writer.write(hello)
        let (kept, dropped) = (BlobReference(of: [1]), BlobReference(of: [2]))
        for blob in [kept, dropped] { try store.partial(blob).write([]) }
        try store.sweep(keeping: [kept.sha256])
        #expect(try store.has(writer.finish()))
        #expect(try folder.directory.list().count == 2)
    }

    @Test("A download goes on where it stopped and gets its name only when it is right")
    func partial() throws {
        let blob = BlobReference(of: hello)
        try store.partial(blob).write(Array("he".utf8))
        #expect(code { try store.adoptPartial(blob) } == "packaging.blob.length")
        let again = try store.partial(blob)
        #expect(try again.size() == ByteCount(2))
        try again.write(Array("llo".utf8))
        try store.adoptPartial(blob)
        #expect(try store.read(blob) == hello)

        try store.partial(BlobReference(of: [1, 2])).write([1, 3])
        #expect(code { try store.adoptPartial(BlobReference(of: [1, 2])) } == "packaging.blob.digest")
        #expect(try store.partial(BlobReference(of: [1, 2])).size() == ByteCount(0))
        try store.partial(BlobReference(of: [1])).write([1, 3])
        #expect(try store.partial(BlobReference(of: [1])).size() == ByteCount(0))
    }

    @Test("A writer that expects a blob keeps nothing else")
    func expecting() throws {
        let writer = try store.newBlob()
        try writer.write(hello)
        #expect(try !writer.finish(expecting: BlobReference(of: [1])))
        #expect(try folder.directory.list().isEmpty)
    }
}
