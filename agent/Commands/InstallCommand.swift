import AgentProtocol
import ArgumentParser
import Effects
import FoundationEssentials
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import SystemPackage

struct InstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install an exported package by hand: same verification, no network.",
        discussion: """
            The package comes from slipway release export. Its signatures are checked against the root that this host was \
            enrolled with; root on this host says when. The agent must be stopped; services go on when this command ends. \
            The signed receipt can be carried back: slipway hosts receipt import FILE.
            """)

    @Argument(help: "The exported FILE.slip.")
    var file: String

    @Option(
        help: "The agent's folder, of a host that has joined; /var/lib/slipway-agent, below --root if that is given.",
        transform: Directory.named)
    var dir: String?

    @Option(
        help:
            "An image's folder: the files are put below it, and its first boot starts the release and proves it healthy."
    )
    var root: String?

    @Option(help: "Where the signed receipt goes; - is stdout.")
    var receipt = "-"

    @Flag(help: "Go on where a stop hook of the release that runs now fails; a warning is logged.")
    var ignoreStopFailure = false

    func run() async throws {
        let folder = try AgentFolder.open(place)
        var configuration = try AgentConfiguration.read(in: folder.base)
        let isImage = root.map { JoinCommand.absolute($0) != configuration.root } ?? false
        if let root { configuration.root = JoinCommand.absolute(root) }
        try configuration.check()
        // Whoever types the command has chosen the time.
        (configuration.windows, configuration.schedule) = (nil, nil)
        if isImage { return try await bake(folder, configuration) }
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        let local = try LiveHTTP(identity: nil, userAgent: userAgent)
        var doors = AgentDoors.byHand(local)
        doors.ignoresStopFailure = ignoreStopFailure
        let result: Result<HostReceipt, any Error>
        do {
            result = .success(
                try await PackageInstallation(folder: folder, configuration: configuration, doors: doors)
                    .run(JoinCommand.absolute(file)))
        } catch {
            result = .failure(error)
        }
        await local.shutdown()
        let done = try result.get()
        try write(
            HostSignature.sign(
                JSONCoding.canonicalBytes(of: done), type: HostReceipt.payloadType, with: folder.tls()))
        FileHandleOutput.standardError("\(done.release): \(done.outcome.words)\n")
        let code: String
        switch done.outcome {
        case .succeeded, .alreadyCurrent: return
        case .backedOut: code = "backedOut"
        default: code = "install.failed"
        }
        throw AgentError(
            code: code, summary: "\(done.release) was not installed: \(done.outcome.words).",
            remedy: remedy(done.outcome, done.release.product))
    }

    private func remedy(_ outcome: HostOutcome, _ product: ProductName) -> String {
        switch outcome {
        case .backOutFailed:
            "What runs now is what slipway-agent status --dir \(place) says, and slipway-agent why --dir \(place) \(product) "
                + "says what failed. The host takes no other release of \(product) until it is right again and "
                + "slipway-agent unlock --dir \(place) \(product) was given."
        case .skipped: "Nothing was changed. slipway-agent status --dir \(place) says what runs."
        default: "slipway-agent why --dir \(place) \(product) has the evidence; the host runs what it ran before."
        }
    }

    private var place: String {
        dir ?? (root.map { JoinCommand.absolute($0) } ?? "") + "/var/lib/slipway-agent"
    }

    private func write(_ file: HostReceiptFile?) throws {
        guard let file else { return }
        try Output.write(JSONCoding.value(of: file).wireBytes + [0x0A], to: receipt)
    }

    /// Into an image of a host that does not run: its first boot ends it.
    private func bake(_ folder: AgentFolder, _ configuration: AgentConfiguration) async throws {
        let baked = try await ImageBake(folder: folder, configuration: configuration).run(JoinCommand.absolute(file))
        FileHandleOutput.standardError(
            "\(baked): in place below \(configuration.root); its first boot starts it and proves it healthy, or backs out.\n"
        )
    }
}

/// One package, from the file to its end, with the agent that does everything else.
struct PackageInstallation: Sendable {
    var folder: AgentFolder
    var configuration: AgentConfiguration
    var doors: AgentDoors

    private static let workName = "package"

    /// - Throws: `packaging.…` and `trust.…` where the package is refused: nothing was touched then.
    func run(_ path: String) async throws -> HostReceipt {
        try await with(path) { source in
            try await LocalAgent.run(folder, configuration, doors: doors, source: source) { agent in
                try await agent.install(source)
            }
        }
    }

    /// Reads and checks the package; what it was unpacked to goes afterwards.
    func with<Value>(_ path: String, _ act: (ExportedSource) async throws -> Value) async throws -> Value {
        let whole = FilePath(path)
        guard let name = whole.lastComponent else {
            throw AgentError(code: "notFound", summary: "\(path) is no file.", remedy: "Name a FILE.slip.")
        }
        let file = try Directory.open(whole.removingLastComponent().string).openFile(name.string)
        try folder.base.removeTree(Self.workName)
        let work = try folder.base.createDirectory(Self.workName, mode: 0o700)
        defer { try? folder.base.removeTree(Self.workName) }
        let blobs = BlobStore(work, .scratch)
        let contents = try PackageFile.read(file, into: blobs)
        let source = try ExportedSource(
            contents, blobs: blobs, folder: folder, configuration: configuration, doors: doors)
        return try await act(source)
    }
}

extension Agent {
    /// Root on this host is the director; the approvers' word is needed as ever.
    func install(_ source: ExportedSource) async throws -> HostReceipt {
        // What an earlier run left unfinished ends first.
        if let reason = try hold.reason(at: time.now(), came: time.now(), expected: .zero, isEmergency: true)?.words {
            throw AgentError(
                code: "inhibited", summary: "Nothing is installed on this host now: \(reason).",
                remedy: "Whoever put the file into \(StartHold.folderName) of the agent's folder takes it away.")
        }
        try await driveByHand()
        let known = try source.authorise(revoked: [])
        let product = known.assignment.release.product
        let release = try source.authorise(revoked: Set(host.record(of: product).revoked))
        let word = release.assignment
        let subject = HostRelease(name: word.release, manifest: word.manifest)
        if host.record(of: product).proved == subject, !store.isWhole(subject) {
            log.error(
                "what is kept of the running release is damaged: it is kept anew", metadata: ["release": "\(subject)"])
            _ = try await source.manifest(of: release)
            try source.keep(in: store)
        }
        let order = try begin(word.order, subject, source.envelope)
        try await driveByHand()
        guard let finished = host.finished.last(where: { $0.order == order }) else {
            throw AgentError(
                code: "install.unfinished", summary: "The installation of \(word.release) did not come to its end.",
                remedy: "Run the command again: it goes on where it stood.")
        }
        return HostReceipt(
            host: configuration.host, madeAt: time.now(), release: word.release, outcome: finished.outcome,
            reports: Array(host.reports.suffix(HostReportBatch.reportsMax)))
    }
}
