import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust
import TestSupport

/// A repository with keys of its own and one real release of one unit, approved for staging.
struct TestRepository {
    let folder: TemporaryFolder
    let publisher: RepositoryPublisher
    let keys: RepositoryKeys
    var state: RepositoryState
    let release: ReleaseName
    let manifest: Manifest
    let manifestBytes: [UInt8]
    /// The first root, as a host gets it at enrolment.
    let firstRoot: [UInt8]
    /// What was published, step by step.
    let publications: [RepositoryPublication]

    static let now = UTCInstant(secondsSince1970: 1_795_000_000)
    static let environment = EnvironmentName(unchecked: "staging")
    static let host = HostID(unchecked: "web-1")
    static let channel = ChannelName(unchecked: "staging.web")

    var root: Directory { publisher.root }

    static func newKeys() throws -> RepositoryKeys {
        func key() throws -> [SigningKey] { [try SigningKey(pem: KeyGeneration.ed25519PrivateKeyPEM())] }
        return RepositoryKeys(
            root: try key(), targets: try key(), approvers: try key(), emergency: try key(), snapshot: try key(),
            timestamp: try key(), director: try key())
    }

    init(payloadSize: Int = 300_000, isPublished: Bool = true) async throws {
        folder = try TemporaryFolder()
        publisher = try RepositoryPublisher(try folder.directory.createDirectory("repository"))
        keys = try Self.newKeys()
        let source = try folder.directory.createDirectory("source")
        try source.createDirectory("app")
        try source.writeDurably("app/data", SeededRandom(seed: 1).bytes(payloadSize))
        try source.writeDurably("app/run", Array("#!/bin/sh\n".utf8), mode: 0o755)
        let definition = ReleaseDefinition(
            product: try ProductName("web"), version: try ReleaseVersion("1.0.0"), category: .minor, summary: "A test",
            owner: "tests",
            units: [UnitDefinition(name: try UnitName("app"), source: "./app", installTo: "/opt/app")])
        let built = try await PackageBuilder.build(
            definition, from: source, into: publisher.blobs, sourceDate: Self.now, jobs: 2)
        manifest = built.manifest
        manifestBytes = built.manifestBytes
        release = definition.name

        let created = try RepositoryWriter.create(keys: keys, at: Self.now)
        firstRoot = created.files.first { $0.name == "1.root.json" }?.bytes ?? []
        let added = try RepositoryWriter.addProduct(
            release.product, environments: [Self.environment], to: created.state, keys: keys, at: Self.now)
        let digest = SHA256Digest(of: manifestBytes)
        let approved = try RepositoryWriter.approve(
            release, manifest: digest, length: ByteCount(manifestBytes.count), in: .environment(Self.environment),
            to: added.state, keys: keys, at: Self.now)
        state = approved.state
        let target = PublishedTarget(
            path: TargetPath.manifest(.environment(Self.environment), release), bytes: manifestBytes)
        let channel = PublishedChannel(
            name: Self.channel,
            envelope: try Self.assignment(release, digest, keys: keys, audience: Self.everyone).signed(
                by: keys.director
            ).json)
        publications = [
            RepositoryPublication(metadata: created.files), RepositoryPublication(metadata: added.files),
            RepositoryPublication(
                blobs: manifest.allBlobs, targets: [target], metadata: approved.files, channels: [channel]),
        ]
        if isPublished { for publication in publications { try publisher.publish(publication) } }
    }

    static let everyone = AssignmentAudience.channel(
        channel, bucketBound: HostBucket.everyoneBound, included: [], excluded: [])

    static func assignment(
        _ release: ReleaseName, _ manifest: SHA256Digest, keys: RepositoryKeys, audience: AssignmentAudience
    ) throws -> Assignment {
        Assignment(
            order: OrderID(rollout: RolloutID(unchecked: "r-1"), action: .install), environment: environment,
            audience: audience, release: release, manifest: manifest,
            targetPath: TargetPath.manifest(.environment(environment), release), counter: 1,
            expiresAt: now + .hours(1))
    }

    func envelope(
        for host: HostID = host, signedBy signers: [SigningKey]? = nil, manifest: SHA256Digest? = nil
    ) throws -> JSONValue {
        try Self.assignment(
            release, manifest ?? SHA256Digest(of: manifestBytes), keys: keys, audience: .host(host)
        ).signed(by: signers ?? keys.director).json
    }

    /// A host's trust folder, as after enrolment.
    func newStore(_ name: String = "trust") throws -> Directory {
        let store = try folder.directory.createDirectory(name)
        try MetadataClient.pin(root: firstRoot, in: store)
        return store
    }
}
