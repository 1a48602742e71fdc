import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust
import Testing

@testable import ReleaseDistribution

@Suite("Any plain web server can serve a repository")
struct WebServerTests {
    @Test("A release is authorised and fetched, resumed, and a channel heard", arguments: WebServer.Kind.allCases)
    func fetch(kind: WebServer.Kind) async throws {
        try #require(kind.isInstalled, "\(kind): scripts/test installs it")
        let repository = try await TestRepository(payloadSize: 3_000_000)
        let server = try await WebServer(
            kind, serving: repository.folder.path + "/repository", in: repository.folder)
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-test/1")
        let result: Result<Void, any Error>
        do { result = .success(try await fetch(repository, server, http)) } catch { result = .failure(error) }
        await http.shutdown()
        try await server.stop()
        try result.get()
    }

    private func fetch(_ repository: TestRepository, _ server: WebServer, _ http: LiveHTTP) async throws {
        try await server.untilAnswers(http)
        let address = RepositoryAddress(baseURL: server.address)
        let client = MetadataClient(
            store: try repository.newStore(), http: http, time: SystemTime(), address: address)
        let envelope = try #require(try await client.fetchAssignment(channel: TestRepository.channel))
        #expect(try await client.fetchAssignment(channel: TestRepository.channel) == envelope)
        let release = try await client.authorise(
            envelope, for: TestRepository.host, environment: TestRepository.environment, at: TestRepository.now)
        let fetcher = PackageFetcher(http: http, time: SystemTime(), address: address, retry: .brief)
        let manifest = try await fetcher.manifest(for: release)
        #expect(manifest == repository.manifest)

        let store = BlobStore(try repository.folder.directory.createDirectory("downloads"))
        let largest = try #require(manifest.blobs.max { $0.length < $1.length })
        // As a killed fetch leaves it: the server goes on there, or sends the whole.
        let half = try repository.publisher.blobs.read(largest).prefix(1_000_001)
        try store.partial(largest).write(Array(half))
        try await fetcher.blobs(manifest.blobs, into: store)
        for blob in manifest.blobs { #expect(try store.read(blob) == repository.publisher.blobs.read(blob)) }
    }
}
