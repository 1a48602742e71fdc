import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseDistribution
@testable import ReleasePackaging
import ReleaseTrust
import Testing

@testable import AgentLibrary

/// A real repository in a folder: keys, metadata, packages and channels, as a controller would write them.
final class TestRepository {
    static let environment = EnvironmentName(unchecked: "staging")
    static let product = ProductName(unchecked: "web")
    static let channel = ChannelName(environment: environment, product: product)

    let folder: TemporaryFolder
    private let publisher: RepositoryPublisher
    private var keys: RepositoryKeys
    private var state: RepositoryState
    private var director: SigningKey
    let firstRoot: [UInt8]
    private var counter: Int64 = 0
    private let time = SystemTime()

    /// How long ago this repository's present is.
    var age: TimeSpan

    /// - Parameters:
    ///   - days: how long ago it was made.
    ///   - isRenewed: everything but the emergency role was renewed since; else nothing was heard since.
    ///   - others: products beside the one of most tests.
    init(madeDaysAgo days: Int64 = 0, isRenewed: Bool = false, others: [ProductName] = []) throws {
        age = isRenewed ? .zero : .days(days)
        folder = try TemporaryFolder()
        publisher = try RepositoryPublisher(folder.directory)
        func key() throws -> SigningKey { try SigningKey(pem: KeyGeneration.ed25519PrivateKeyPEM()) }
        director = try key()
        keys = RepositoryKeys(
            root: [try key()], targets: [try key()], approvers: [try key()], emergency: [try key()],
            snapshot: [try key()], timestamp: [try key()], director: [director])
        let madeAt = time.now() - .days(days)
        let created = try RepositoryWriter.create(keys: keys, at: madeAt)
        let added = try RepositoryWriter.addProduct(
            Self.product, environments: [Self.environment], to: created.state, keys: keys, at: madeAt)
        state = added.state
        firstRoot = try #require(created.files.first { $0.name == "1.root.json" }).bytes
        try publisher.publish(RepositoryPublication(metadata: created.files))
        try publisher.publish(RepositoryPublication(metadata: added.files))
        for other in others {
            let more = try RepositoryWriter.addProduct(
                other, environments: [Self.environment], to: state, keys: keys, at: madeAt)
            state = more.state
            try publisher.publish(RepositoryPublication(metadata: more.files))
        }
        guard isRenewed else { return }
        var others = keys
        others.emergency = []
        let renewed = try RepositoryWriter.renew(state, keys: others, at: now)
        state = renewed.state
        try publisher.publish(RepositoryPublication(metadata: renewed.files))
    }

    private var now: UTCInstant { time.now() - age }

    /// A file of a release: its path, text and whether it is a program.
    struct File {
        var path: String
        var bytes: [UInt8]
        var isProgram = true

        init(_ path: String, _ text: String, isProgram: Bool = true) {
            (self.path, self.bytes, self.isProgram) = (path, Array(text.utf8), isProgram)
        }

        init(_ path: String, bytes: [UInt8]) {
            (self.path, self.bytes, self.isProgram) = (path, bytes, false)
        }
    }

    static let serve = File("tree/bin/serve", "#!/bin/sh\necho \"serving $SLIPWAY_VERSION\"\nexec sleep 300\n")
    static let healthy = File("tree/bin/check", "#!/bin/sh\nexit 0\n")
    static let broken = File("tree/bin/check", "#!/bin/sh\necho out of order\nexit 1\n")

    /// A unit that serves and is checked by a program, quick enough for tests.
    static func unit(
        _ name: String = "web", hooks: [HookMoment: String] = [:], timeout: TimeSpan = .seconds(20),
        persistent: [String] = [], user: String? = nil
    ) throws -> UnitDefinition {
        let programs = HookMoment.allCases.compactMap { moment in
            hooks[moment].map { HookProgram(moment: moment, path: $0) }
        }
        return UnitDefinition(
            name: try UnitName(name), source: "tree", installTo: "/opt/\(name)", persistent: persistent,
            service: .command(["bin/serve"]), hooks: UnitHooks(timeout: timeout, programs: programs, user: user),
            health: [
                HealthCheck(
                    probe: .command(["bin/check"]), every: .milliseconds(100), timeout: .seconds(5), failures: 3)
            ], minimumHealthy: .milliseconds(200), healthyDeadline: .seconds(20))
    }

    /// Builds, approves and publishes a release.
    @discardableResult
    func submit(
        _ version: String, files: [File] = [serve, healthy], units: [UnitDefinition]? = nil,
        requires: [ProductRequirement] = [], keep: Int = 3, values: String? = nil,
        documents: [(path: String, bytes: [UInt8])] = [],
        in place: ApprovalPlace = .environment(environment), product: ProductName = product
    ) async throws -> HostRelease {
        let source = try TemporaryFolder()
        for file in files + [File("tree/VERSION", version, isProgram: false)] {
            if let slash = file.path.lastIndex(of: "/") {
                _ = try source.directory.createDirectory(String(file.path[..<slash]))
            }
            try source.directory.writeDurably(file.path, file.bytes, mode: file.isProgram ? 0o755 : 0o644)
        }
        var inputs = BuildInputs()
        inputs.documents = documents
        if let values {
            let signed = try SignedValues(JSONValue(parsing: Array(values.utf8)))
            inputs.values.append((Self.environment, signed))
        }
        let definition = ReleaseDefinition(
            product: product, version: try ReleaseVersion(version), category: .minor, summary: "A test release",
            owner: "tests", requires: requires, units: try units ?? [Self.unit()],
            backOut: BackOutSettings(scope: .phase, keep: keep),
            values: values.map { _ in [ValuesFile(environment: Self.environment, path: "values.yaml")] })
        let built = try await PackageBuilder.build(
            definition, from: source.directory, inputs: inputs, into: publisher.blobs, sourceDate: start, jobs: 2)
        let change = try RepositoryWriter.approve(
            definition.name, manifest: built.digest, length: ByteCount(built.manifestBytes.count),
            in: place, to: state, keys: keys, at: now)
        state = change.state
        let path = TargetPath.manifest(place, definition.name)
        try publisher.publish(
            RepositoryPublication(
                blobs: built.manifest.allBlobs, targets: [PublishedTarget(path: path, bytes: built.manifestBytes)],
                metadata: change.files))
        return HostRelease(name: definition.name, manifest: built.digest)
    }

    /// As `slipway keys rotate director`: the owner of targets names another key, or one beside the one there was.
    func rotateDirector(keepingOld: Bool = false) throws {
        let key = try SigningKey(pem: KeyGeneration.ed25519PrivateKeyPEM())
        let holders =
            (keepingOld ? [KeyHolder(name: "old", key: director.publicKey)] : []) + [
                KeyHolder(name: "director", key: key.publicKey)
            ]
        let edit = RoleEdit.delegatedKeys(.init(director: RoleSigners(holders)))
        let proposal = try #require(
            try RepositoryWriter.propose([edit], in: state, signers: ProductSigners(keys), at: now))
        let signatures = try RepositoryWriter.sign(proposal, in: state, by: keys.targets + keys.approvers)
        director = key
        keys.director = keepingOld ? keys.director + [key] : [key]
        let change = try RepositoryWriter.publish(proposal, signatures: signatures, to: state, keys: keys, at: now)
        state = change.state
        try publisher.publish(RepositoryPublication(metadata: change.files))
    }

    /// The director's word for every host of the channel.
    func assignment(
        _ number: Int, _ action: OrderAction = .install, _ release: HostRelease, revoked: [HostRelease] = [],
        takenBack: [TakenBackRelease]? = nil, counter: Int64? = nil, to host: HostID? = nil,
        expiresIn lifetime: TimeSpan = .hours(1), in place: ApprovalPlace = .environment(environment),
        migrates: [HostID]? = nil, ignoreStopFailure: Bool? = nil, rehearses: Bool? = nil
    ) throws -> JSONValue {
        self.counter += 1
        let assignment = Assignment(
            order: try order(number, action), environment: Self.environment,
            audience: host.map { .host($0) }
                ?? .channel(
                    ChannelName(environment: Self.environment, product: release.name.product),
                    bucketBound: HostBucket.everyoneBound, included: [], excluded: []),
            release: release.name, manifest: release.manifest,
            targetPath: TargetPath.manifest(place, release.name),
            counter: counter ?? self.counter, expiresAt: now + lifetime, revoked: revoked.map(\.manifest),
            takenBack: takenBack, migrates: migrates, ignoreStopFailure: ignoreStopFailure, rehearses: rehearses)
        return try DSSEEnvelope.sign(
            JSONCoding.canonicalBytes(of: assignment), type: Assignment.payloadType, keys: [director]
        ).json
    }

    /// The director's word on what a host is called by.
    func labels(
        _ labels: [String: String], of host: HostID = TestHost.name, counter: Int64
    ) throws -> JSONValue {
        let word = LabelWord(host: host, environment: Self.environment, labels: labels, counter: counter)
        return try DSSEEnvelope.sign(
            JSONCoding.canonicalBytes(of: word), type: LabelWord.payloadType, keys: [director]
        ).json
    }

    /// The package as `release export` makes it. `edit` changes the proof, as a thief would.
    func export(
        _ release: HostRelease, valid: TimeSpan, to host: HostID? = nil,
        edit: (inout [String: [UInt8]]) throws -> Void = { _ in }
    ) throws -> PackageFile.Contents {
        func published(_ role: String) throws -> [UInt8] {
            let name = MetadataFile.name(role: role, version: state.version(ofRole: role))
            return try folder.directory.read("metadata/\(name)", sizeMax: ByteCount(1 << 20))
        }
        let word = try assignment(50, .install, release, to: host, expiresIn: valid)
        var files = [
            ExportedTrust.rootName(1): firstRoot, ExportedTrust.targetsName: try published("targets"),
            ExportedTrust.roleName: try published("staging-web"), ExportedTrust.assignmentName: word.canonicalBytes,
        ]
        try edit(&files)
        let manifest = try manifest(of: release)
        return PackageFile.Contents(
            manifest: manifest, manifestBytes: try manifest.bytes,
            trust: files.map { PackageFile.TrustFile(name: $0.key, bytes: $0.value) })
    }

    /// The same as a file, as it is carried to a host.
    func exportFile(_ release: HostRelease, valid: TimeSpan, into folder: TemporaryFolder) throws -> String {
        let contents = try export(release, valid: valid, to: TestHost.name)
        try PackageFile.write(
            contents.manifestBytes, trust: contents.trust, blobs: blobs,
            to: folder.directory.createFile("web.slip", mode: 0o600))
        return folder.path + "/web.slip"
    }

    /// The approvers take it back.
    func withdraw(_ release: HostRelease) throws {
        let change = try RepositoryWriter.withdraw(
            release.name, manifest: release.manifest, in: .environment(Self.environment), from: state, keys: keys,
            at: now)
        state = change.state
        try publisher.publish(RepositoryPublication(metadata: change.files))
    }

    var blobs: BlobStore { publisher.blobs }

    func publish(_ envelope: JSONValue, of product: ProductName = product) throws {
        let channel = ChannelName(environment: Self.environment, product: product)
        try publisher.publish(RepositoryPublication(channels: [PublishedChannel(name: channel, envelope: envelope)]))
    }

    /// Changes bytes of every payload in the repository, lengths kept.
    func tamper(with blob: BlobReference) throws {
        let file = try folder.directory.updateFile("blobs/" + blob.sha256.hex)
        try file.write([0xDE, 0xAD, 0xBE, 0xEF], at: max(0, blob.length.value / 2))
    }

    func manifest(of release: HostRelease) throws -> Manifest {
        let path = TargetPath.manifest(.environment(Self.environment), release.name)
        return try Manifest(
            parsing: folder.directory.read(
                RepositoryLayout.target(path, sha256: release.manifest), sizeMax: Manifest.bytesMax))
    }
}

/// Serves a repository's folder without a network, and can be switched off.
final class FolderHTTP: HTTPDoor {
    static let base = "http://repository.test"
    private let directory: Directory

    init(_ directory: Directory) { self.directory = directory }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.url.hasPrefix(Self.base + "/") else {
            throw EffectsError(code: "http.unreachable", summary: "\(request.url) is not there.", remedy: "")
        }
        let path = String(request.url.dropFirst(Self.base.count + 1))
        guard let bytes = try directory.readIfPresent(path, sizeMax: request.responseSizeMax) else {
            return HTTPResponse(head: HTTPHead(status: 404, headers: []), body: [])
        }
        return HTTPResponse(head: HTTPHead(status: 200, headers: []), body: bytes)
    }

    func download(
        _ request: HTTPRequest, head: @Sendable (HTTPHead) async throws -> Void,
        receive: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let response = try await send(request)
        try await head(response.head)
        if response.status == 200 { try await receive(response.body) }
    }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}
