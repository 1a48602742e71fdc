import AgentProtocol
import ArgumentParser
import Effects
import ReleaseDefinition

struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse",
        abstract: "Install, back out, prove that the host is exactly as before, and install again.",
        discussion: """
            Compared are every path of the units' places with its bytes, mode and owner, the installed packages, the services \
            and what runs. What was seen is written as an in-toto statement, signed with this host's key (DSSE): evidence \
            that the way back works. The agent must be stopped. Ends with 1 where it was not proved, with 7 where the release \
            backed out by itself.
            """)

    @Argument(help: "The exported FILE.slip.")
    var file: String

    @Option(help: "Where the signed statement goes; - is stdout.")
    var evidence = "-"

    @Option(
        help: "The agent's folder, of a host that has joined; /var/lib/slipway-agent, if left out.",
        transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    func run() async throws {
        let folder = try AgentFolder.open(dir)
        var configuration = try AgentConfiguration.read(in: folder.base)
        // Whoever types the command has chosen the time.
        (configuration.windows, configuration.schedule) = (nil, nil)
        guard try StoredIdentity.read(in: folder.tls()) != nil else {
            throw AgentError(
                code: "rehearsal.identity", summary: "This host has no key: nobody could tell whose evidence it is.",
                remedy: "Rehearse on a host that has joined a controller.")
        }
        let local = try LiveHTTP(identity: nil, userAgent: "slipway-agent/\(AgentCommand.version)")
        let installation = PackageInstallation(
            folder: folder, configuration: configuration, doors: .byHand(local))
        let result: Result<(record: RehearsalRecord, release: HostRelease), any Error>
        do {
            result = .success(
                try await installation.with(JoinCommand.absolute(file)) { source in
                    try await LocalAgent.run(
                        folder, configuration, doors: installation.doors, source: source
                    ) { agent in try await agent.rehearse(source) }
                })
        } catch { result = .failure(error) }
        await local.shutdown()
        let (record, release) = try result.get()
        let signed = try HostSignature.sign(
            record.statement(about: release), type: RehearsalRecord.payloadType, with: folder.tls())
        if let signed { try Output.write(JSONCoding.value(of: signed).wireBytes + [0x0A], to: evidence) }
        for step in record.steps { FileHandleOutput.standardError("\(step.what): \(step.outcome)\n") }
        for difference in record.differences { FileHandleOutput.standardError("  \(difference)\n") }
        guard record.isProved else { throw failure(record, release) }
    }

    private func failure(_ record: RehearsalRecord, _ release: HostRelease) -> AgentError {
        let last = record.steps.last.map { "\($0.what): \($0.outcome)" } ?? "nothing was done"
        let isBackedOut = record.steps.count == 1 && record.steps[0].outcome != HostOutcome.succeeded.words
        return AgentError(
            code: isBackedOut ? "backedOut" : "rehearsal.failed",
            summary: "The way back of \(release.name) is not proved: \(last).",
            remedy:
                "slipway-agent why \(release.name.product) --dir \(dir) shows what was seen; the statement has the rest."
        )
    }
}
