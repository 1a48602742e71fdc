import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust
import Testing
import TestSupport

@testable import ReleaseDistribution

@Suite("Publishing a repository")
struct PublisherTests {
    private func client(_ repository: TestRepository, _ store: Directory) -> MetadataClient {
        MetadataClient(
            store: store, http: FolderHTTP(repository.root), time: HurriedTime(),
            address: RepositoryAddress(baseURL: FolderHTTP.base))
    }

    @Test("Everything lies where the layout says, and no temporary file is left")
    func layout() async throws {
        let repository = try await TestRepository()
        let digest = SHA256Digest(of: repository.manifestBytes)
        let expected = [
            "metadata/1.root.json", "metadata/timestamp.json", "metadata/3.snapshot.json", "metadata/2.targets.json",
            "metadata/2.staging-web.json", "targets/staging/web/1.0.0/\(digest).manifest.json",
            "director/staging.web.json",
        ]
        for path in expected + repository.manifest.allBlobs.map({ RepositoryLayout.blob($0.sha256) }) {
            #expect(try repository.root.status(path)?.kind == .file, "\(path)")
        }
        for folder in ["metadata", "director", "blobs", "targets/staging/web/1.0.0"] {
            #expect(try repository.root.list(folder).allSatisfy { !$0.name.hasPrefix(".") })
        }
        #expect(RepositoryLayout.isMutable("metadata/timestamp.json"))
        #expect(RepositoryLayout.cacheControl("director/x.json") == "max-age=30")
        #expect(RepositoryLayout.cacheControl("metadata/1.root.json").contains("immutable"))
    }

    @Test("A publish cut short after any file leaves a repository that a host can read, and the next one completes it")
    func killedAnywhere() async throws {
        let repository = try await TestRepository(isPublished: false)
        for publication in repository.publications.dropLast() { try repository.publisher.publish(publication) }
        let last = try #require(repository.publications.last)
        let path = TargetPath.manifest(.environment(TestRepository.environment), repository.release)
        for count in 0...last.metadata.count {
            // What a killed writer leaves besides: work in progress.
            try repository.root.writeDurably("metadata/.timestamp.json.new", Array("half".utf8))
            try repository.root.writeDurably("blobs/.new-1-1", Array("half".utf8))
            let publisher = try RepositoryPublisher(repository.root)
            #expect(try repository.root.list("metadata").allSatisfy { !$0.name.hasPrefix(".") })
            try publisher.publish(
                RepositoryPublication(
                    blobs: last.blobs, targets: last.targets, metadata: Array(last.metadata.prefix(count))))
            let trusted = try await client(repository, repository.newStore("trust-\(count)"))
                .refresh(at: TestRepository.now, targets: [path])
            #expect(trusted.snapshotVersion == (count < last.metadata.count ? 2 : 3))
        }
        try repository.publisher.publish(last)
        let release = try await client(repository, repository.newStore()).authorise(
            repository.envelope(), for: TestRepository.host, environment: TestRepository.environment,
            at: TestRepository.now)
        #expect(release.target.length.value == repository.manifestBytes.count)
    }

    @Test("A leftover of a killed publish under a number that nothing names yet is replaced")
    func leftoverNumbers() async throws {
        var repository = try await TestRepository()
        try repository.root.writeDurably("metadata/4.snapshot.json", Array("{}".utf8))
        try repository.root.writeDurably("metadata/3.staging-web.json", Array("{}".utf8))
        let change = try RepositoryWriter.setFloor(
            repository.release, in: .environment(TestRepository.environment), of: repository.state,
            keys: repository.keys, at: TestRepository.now)
        #expect(change.files.map(\.name).contains("4.snapshot.json"))
        try repository.publisher.publish(RepositoryPublication(metadata: change.files))
        repository.state = change.state
        // The whole state again is no conflict and changes nothing.
        try repository.publisher.publish(RepositoryPublication(metadata: repository.state.files))
        #expect(
            try await client(repository, repository.newStore()).refresh(at: TestRepository.now).snapshotVersion == 4)
    }

    @Test("A version that readers may know is never published with other content")
    func conflict() async throws {
        let repository = try await TestRepository()
        let other = try await TestRepository(isPublished: false)
        for name in ["1.root.json", "3.snapshot.json", "2.staging-web.json", "2.targets.json"] {
            let file = try #require(other.state.files.first { $0.name == name })
            let found = code { try repository.publisher.publish(RepositoryPublication(metadata: [file])) }
            #expect(found == "distribution.publish.conflict", "\(name)")
        }
        _ = try await client(repository, repository.newStore()).refresh(at: TestRepository.now)
    }

    @Test("Nothing is named before its blobs are there; they are taken from the source if it has them")
    func missingBlob() async throws {
        let repository = try await TestRepository(isPublished: false)
        for publication in repository.publications.dropLast() { try repository.publisher.publish(publication) }
        var last = try #require(repository.publications.last)
        let elsewhere = BlobStore(try repository.folder.directory.createDirectory("elsewhere"))
        let blob = try #require(last.blobs.first)
        try elsewhere.add(try repository.publisher.blobs.read(blob))
        try repository.publisher.blobs.remove(blob)
        #expect(
            await code { try repository.publisher.publish(last) } == "distribution.publish.missingBlob")
        #expect(try repository.root.status("metadata/3.snapshot.json") == nil)
        #expect(try repository.root.list("targets").isEmpty)
        last.source = elsewhere
        try repository.publisher.publish(last)
        #expect(try repository.publisher.blobs.has(blob))
        // Damaged in the source: refused, and not in the repository.
        try repository.publisher.blobs.remove(blob)
        let file = try elsewhere.directory.updateFile(blob.sha256.hex)
        try file.write([0xFF], at: 3)
        #expect(await code { try repository.publisher.publish(last) } == "distribution.publish.damagedBlob")
        #expect(try !repository.publisher.blobs.has(blob))
    }

    @Test(
        "A blob of the right length and other bytes is not published: it goes, and comes from the source or is asked for"
    )
    func damagedBlob() async throws {
        let repository = try await TestRepository(isPublished: false)
        for publication in repository.publications.dropLast() { try repository.publisher.publish(publication) }
        var last = try #require(repository.publications.last)
        let blobs = repository.publisher.blobs
        let elsewhere = BlobStore(try repository.folder.directory.createDirectory("elsewhere"))
        for blob in last.blobs { try elsewhere.add(try blobs.read(blob)) }
        for blob in last.blobs {
            try blobs.directory.updateFile(blob.sha256.hex).write([0xFF, 0xFE, 0xFD], at: 1)
            #expect(code { try repository.publisher.publish(last) } == "distribution.publish.missingBlob")
            #expect(try !blobs.has(blob))
            #expect(try repository.root.status("metadata/3.snapshot.json") == nil)
            try blobs.add(try elsewhere.read(blob))
        }
        // The same again, with a source that has them; and bytes that are added where others lie replace them.
        for blob in last.blobs { try blobs.directory.updateFile(blob.sha256.hex).write([0xFF, 0xFE, 0xFD], at: 1) }
        let first = try #require(last.blobs.first)
        try blobs.add(try elsewhere.read(first))
        #expect(try blobs.isWhole(first))
        last.source = elsewhere
        try repository.publisher.publish(last)
        for blob in last.blobs { #expect(try blobs.read(blob) == elsewhere.read(blob)) }
    }

    @Test("A channel that is withdrawn is gone; withdrawing again is fine")
    func withdrawChannel() async throws {
        let repository = try await TestRepository()
        try repository.publisher.withdraw(channel: TestRepository.channel)
        try repository.publisher.withdraw(channel: TestRepository.channel)
        #expect(try !repository.root.list("director").contains { $0.kind == .file })
    }
}
