import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing
import TestSupport

@testable import ReleaseDistribution

@Suite("The metadata client")
struct MetadataClientTests {
    private static let files = [
        "pinned-root", "root.json", "snapshot.json", "staging-web.json", "targets.json", "timestamp.json",
    ]

    private func client(_ store: Directory, _ http: any HTTPDoor, _ time: any TimeDoor = HurriedTime())
        -> MetadataClient
    {
        MetadataClient(
            store: store, http: http, time: time, address: RepositoryAddress(baseURL: FolderHTTP.base + "/"))
    }

    private func authorise(_ client: MetadataClient, _ repository: TestRepository) async throws -> AuthorisedRelease {
        try await client.authorise(
            repository.envelope(), for: TestRepository.host, environment: TestRepository.environment,
            at: TestRepository.now)
    }

    @Test("Files are asked for in the order of TUF, once; what is known is not asked for again")
    func requests() async throws {
        let repository = try await TestRepository()
        let http = FolderHTTP(repository.root)
        let store = try repository.newStore()
        _ = try await authorise(client(store, http), repository)
        #expect(
            http.paths.map { String($0.dropFirst("metadata/".count)) } == [
                "2.root.json", "timestamp.json", "3.snapshot.json", "2.targets.json", "2.staging-web.json",
            ])
        http.forget()
        // Another process, later: root and timestamp tell that nothing changed.
        _ = try await authorise(client(store, http), repository)
        #expect(http.paths == ["metadata/2.root.json", "metadata/timestamp.json"])
    }

    @Test("What is stored are the exact bytes that were published")
    func exactBytes() async throws {
        let repository = try await TestRepository()
        let store = try repository.newStore()
        _ = try await authorise(client(store, FolderHTTP(repository.root)), repository)
        #expect(try store.list().map(\.name).filter { $0 != ".lock" } == Self.files)
        for (name, published) in [
            ("root.json", "1.root.json"), ("timestamp.json", "timestamp.json"), ("snapshot.json", "3.snapshot.json"),
            ("targets.json", "2.targets.json"), ("staging-web.json", "2.staging-web.json"),
        ] {
            #expect(
                try store.read(name, sizeMax: ByteCount(1 << 20))
                    == repository.root.read("metadata/\(published)", sizeMax: ByteCount(1 << 20)))
        }
    }

    @Test("R35: roots are walked one by one; the last that was stored is the start of the next walk")
    func rootWalk() async throws {
        var repository = try await TestRepository()
        let store = try repository.newStore()
        let http = FolderHTTP(repository.root)
        for year in 1...3 {
            let change = try RepositoryWriter.renew(
                repository.state, keys: repository.keys, at: TestRepository.now + .days(Int64(300 * year)))
            try repository.publisher.publish(RepositoryPublication(metadata: change.files))
            repository.state = change.state
        }
        let later = TestRepository.now + .days(900)
        let trusted = try await client(store, http).refresh(at: later)
        #expect(trusted.rootVersion >= 4, "three roots on")
        let walked = http.paths.filter { $0.hasSuffix("root.json") }
        #expect(walked == (2...(trusted.rootVersion + 1)).map { "metadata/\($0).root.json" })
        http.forget()
        _ = try await client(store, http).refresh(at: later)
        #expect(http.paths.first == "metadata/\(trusted.rootVersion + 1).root.json")
    }

    @Test(
        "Only 404 for the next root means that there is none: any other status is an error",
        arguments: [
            (403, "distribution.forbidden"), (429, "distribution.unavailable"), (500, "distribution.unavailable"),
            (301, "distribution.status"), (204, "distribution.status"),
        ])
    func rootStatus(status: Int, expected: String) async throws {
        let repository = try await TestRepository()
        let http = FolderHTTP(repository.root) { path, _, answer in
            if path.hasSuffix("root.json") { answer = FolderHTTP.Answer(status: status) }
        }
        let client = client(try repository.newStore(), http)
        #expect(await code { _ = try await client.refresh(at: TestRepository.now) } == expected)
    }

    @Test(
        "A missing timestamp, snapshot or role is an error of the repository, not the end of anything",
        arguments: [
            "timestamp.json", "3.snapshot.json", "2.targets.json", "2.staging-web.json",
        ])
    func missingFile(name: String) async throws {
        let repository = try await TestRepository()
        try repository.root.removeFile("metadata/\(name)")
        let client = client(try repository.newStore(), FolderHTTP(repository.root))
        #expect(await code { _ = try await authorise(client, repository) } == "distribution.absent")
    }

    @Test("A server that is away for a moment is asked once more")
    func briefOutage() async throws {
        let repository = try await TestRepository()
        let time = HurriedTime()
        let http = FolderHTTP(repository.root) { _, number, answer in
            if number == 0 { throw FolderHTTP.closed() }
            if number == 2 { answer = FolderHTTP.Answer(status: 503) }
        }
        _ = try await authorise(client(try repository.newStore(), http, time), repository)
        #expect(time.slept.count == 2 && time.slept.allSatisfy { $0 <= RetryPolicy.brief.delayFirst * 2 })
    }

    @Test(
        "A file that was changed on the server is refused, and the store holds what was accepted before",
        arguments: [
            "timestamp.json", "3.snapshot.json", "2.targets.json", "2.staging-web.json",
        ])
    func tampered(name: String) async throws {
        let repository = try await TestRepository()
        let store = try repository.newStore()
        let http = FolderHTTP(repository.root) { path, _, answer in
            guard path.hasSuffix(name), let digit = answer.body.lastIndex(of: UInt8(ascii: "0")) else { return }
            answer.body[digit] = UInt8(ascii: "1")
        }
        let found = await code { _ = try await authorise(client(store, http), repository) }
        #expect(found?.hasPrefix("trust.") == true, "\(found ?? "accepted")")
        #expect(try store.status(name.drop(while: { $0.isNumber || $0 == "." }).description) == nil)
        // Once it is right again, all is well.
        _ = try await authorise(client(store, FolderHTTP(repository.root)), repository)
    }

    @Test("An answer longer than its cap is not read")
    func tooLong() async throws {
        let repository = try await TestRepository()
        let http = FolderHTTP(repository.root) { path, _, answer in
            if path.hasSuffix("timestamp.json") { answer.body = Array(repeating: 0x20, count: 17_000) }
        }
        let client = client(try repository.newStore(), http)
        #expect(await code { _ = try await client.refresh(at: TestRepository.now) } == "effects.http.bodyTooLarge")
    }

    enum Damage: String, CaseIterable {
        case truncated, garbage, empty, folder, huge, link

        func apply(_ name: String, in store: Directory) throws {
            let bytes = try store.read(name, sizeMax: ByteCount(1 << 20))
            try store.removeFile(name)
            switch self {
            case .truncated: try store.writeDurably(name, bytes.dropLast(bytes.count / 2))
            case .garbage: try store.writeDurably(name, SeededRandom(seed: 3).bytes(500))
            case .empty: try store.writeDurably(name, [])
            case .folder: try store.createDirectory(name + "/inside")
            case .huge: try store.writeDurably(name, Array(repeating: UInt8(ascii: " "), count: 6_000_000))
            case .link: try store.createSymlink(name, to: "/etc/passwd")
            }
        }
    }

    @Test(
        "Any damage to any stored file is healed by the next refresh, and what was damaged is kept aside",
        arguments: Damage.allCases)
    func damagedStore(damage: Damage) async throws {
        let repository = try await TestRepository()
        let store = try repository.newStore()
        let http = FolderHTTP(repository.root)
        _ = try await authorise(client(store, http), repository)
        for name in Self.files where name.hasSuffix(".json") {
            try damage.apply(name, in: store)
            let client = client(store, http)
            _ = try await authorise(client, repository)
            #expect(await client.quarantined == [name])
            #expect(try store.status("\(name).damaged") != nil)
            #expect(try store.status(name)?.kind == (name == "root.json" ? nil : .file))
        }
    }

    @Test("A forged root in the store is not believed: the enrolment's takes its place")
    func forgedRoot() async throws {
        let repository = try await TestRepository()
        let stranger = try await TestRepository(payloadSize: 10)
        let store = try repository.newStore()
        var forged = stranger.firstRoot
        if let index = forged.lastIndex(of: UInt8(ascii: "a")) { forged[index] = UInt8(ascii: "b") }
        try store.writeDurably("root.json", forged)
        let client = client(store, FolderHTTP(repository.root))
        _ = try await authorise(client, repository)
        #expect(await client.quarantined == ["root.json"])
    }

    @Test("Without any root there is nothing to trust")
    func noRoot() async throws {
        let repository = try await TestRepository()
        let store = try repository.folder.directory.createDirectory("empty")
        let client = client(store, FolderHTTP(repository.root))
        #expect(await code { _ = try await client.refresh(at: TestRepository.now) } == "trust.root.missing")
    }

    @Test("Both authorities must agree; the director's word alone is verified without the network")
    func authorities() async throws {
        let repository = try await TestRepository()
        let http = FolderHTTP(repository.root)
        let client = client(try repository.newStore(), http)
        #expect(try await authorise(client, repository).assignment.release == repository.release)
        http.forget()
        let verified = try await client.verify(
            repository.envelope(), for: TestRepository.host, environment: TestRepository.environment,
            at: TestRepository.now)
        #expect(verified.assignment.counter == 1 && http.paths.isEmpty)
        let revocations = try await client.verifyRevocations(
            repository.envelope(), environment: TestRepository.environment, at: TestRepository.now)
        #expect(revocations.manifests.isEmpty)
        let forged = try repository.envelope(signedBy: repository.keys.approvers)
        let other = try repository.envelope(manifest: SHA256Digest(of: Array("other".utf8)))
        let elsewhere = try repository.envelope(for: HostID(unchecked: "web-2"))
        for (envelope, expected) in [
            (forged, "trust.envelope.signatures"), (other, "trust.release.mismatch"),
            (elsewhere, "trust.assignment.notAddressed"),
        ] {
            let found = await code {
                _ = try await client.authorise(
                    envelope, for: TestRepository.host, environment: TestRepository.environment, at: TestRepository.now)
            }
            #expect(found == expected)
        }
    }

    @Test("A channel is fetched again only when it changed, and may say nothing")
    func channel() async throws {
        let repository = try await TestRepository()
        let statuses = StatusLog()
        let http = FolderHTTP(repository.root) { _, _, answer in statuses.add(answer.status) }
        let client = client(try repository.newStore(), http)
        let first = try await client.fetchAssignment(channel: TestRepository.channel)
        #expect(first != nil)
        #expect(try await client.fetchAssignment(channel: TestRepository.channel) == first)
        let next = PublishedChannel(name: TestRepository.channel, envelope: try repository.envelope())
        try repository.publisher.publish(RepositoryPublication(channels: [next]))
        #expect(try await client.fetchAssignment(channel: TestRepository.channel) == next.envelope)
        try repository.publisher.withdraw(channel: TestRepository.channel)
        #expect(try await client.fetchAssignment(channel: TestRepository.channel) == nil)
        #expect(statuses.all == [200, 304, 200, 404])
        try repository.root.writeDurably("director/staging.web.json", Array("<html>".utf8))
        #expect(
            await code { _ = try await client.fetchAssignment(channel: TestRepository.channel) }
                == "distribution.channel.form")
    }
}
