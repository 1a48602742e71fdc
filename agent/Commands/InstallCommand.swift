import AgentProtocol
import ArgumentParser
import Effects
import FoundationEssentials
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust
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

    @Option(help: "The agent's folder, of a host that has joined.")
    var dir = "/var/lib/slipway-agent"

    @Option(help: "A folder below which everything is installed, instead of the one that the host joined with.")
    var root: String?

    @Option(help: "Where the signed receipt goes; - is stdout.")
    var receipt = "-"

    func run() async throws {
        let folder = try AgentFolder.open(dir)
        var configuration = try AgentConfiguration.read(in: folder.base)
        if let root { configuration.root = JoinCommand.absolute(root) }
        try configuration.check()
        // Whoever types the command has chosen the time.
        (configuration.windows, configuration.schedule) = (nil, nil)
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        let local = try LiveHTTP(identity: nil, userAgent: userAgent)
        let doors = AgentDoors.byHand(local)
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
        try write(try ReceiptFile.sign(done, with: folder.tls()))
        FileHandleOutput.standardError("\(done.release): \(done.outcome.words)\n")
        let code: String
        switch done.outcome {
        case .succeeded, .alreadyCurrent: return
        case .backedOut: code = "backedOut"
        default: code = "install.failed"
        }
        throw AgentError(
            code: code, summary: "\(done.release) was not installed: \(done.outcome.words).",
            remedy: "slipway-agent history --dir \(dir) has the evidence; the host runs what it ran before.")
    }

    private func write(_ file: HostReceiptFile?) throws {
        guard let file else { return }
        let bytes = try JSONCoding.value(of: file).wireBytes + [0x0A]
        if receipt == "-" { return try Output.data(bytes) }
        let path = FilePath(JoinCommand.absolute(receipt))
        guard let name = path.lastComponent else { throw ValidationError("--receipt names a folder.") }
        try Directory.open(path.removingLastComponent().string).writeDurably(name.string, bytes)
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
        return try await LocalAgent.run(folder, configuration, doors: doors, source: source) { agent in
            try await agent.install(source)
        }
    }
}

extension Agent {
    /// Root on this host is the director; the approvers' word is needed as ever.
    func install(_ source: ExportedSource) async throws -> HostReceipt {
        // What an earlier run left unfinished ends first.
        if let reason = try hold.reason(at: time.now(), came: time.now(), expected: .zero, isEmergency: true) {
            throw AgentError(
                code: "inhibited", summary: "Nothing is installed on this host now: \(reason).",
                remedy: "Whoever put the file into \(StartHold.folderName) of the agent's folder takes it away.")
        }
        if host.installation != nil { await drive() }
        let known = try source.authorise(revoked: [])
        let product = known.assignment.release.product
        let release = try source.authorise(revoked: Set(host.record(of: product).revoked))
        let word = release.assignment
        var order = word.order
        while host.isKnown(order) { order.attempt += 1 }
        queue.append(
            QueuedOrder(
                order: order, release: word.release, manifest: word.manifest, envelope: source.envelope, counter: nil,
                isUrgent: true))
        try startNext()
        if host.installation != nil { await drive() }
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

/// A host that never spoke to its controller's network has no key to sign with: it then makes no receipt.
enum ReceiptFile {
    static func sign(_ receipt: HostReceipt, with tls: Directory) throws -> HostReceiptFile? {
        guard let identity = try StoredIdentity.read(in: tls) else { return nil }
        var envelope = DSSEEnvelope(
            payloadType: HostReceipt.payloadType, payload: try JSONCoding.canonicalBytes(of: receipt), signatures: [])
        let signature = try EllipticKey(pem: identity.keyPEM).sign(Array(envelope.preAuthenticationEncoding))
        envelope.signatures = [DSSEEnvelope.Signature(keyID: "", bytes: signature)]
        return HostReceiptFile(envelope: envelope.json, certificate: try identity.facts().leafPEM)
    }
}
