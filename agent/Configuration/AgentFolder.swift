import Effects
import Glibc
import ReleaseDefinition

/// The files that the agent owns, in the folder of `--dir`:
///
///     agent.json               who this host is
///     labels.json              what the controller said last that it is called by
///     tls/                     identity.pem (key and certificate), authorities.pem, notice.json
///     trust/                   the trusted metadata, as the exact bytes received
///     journal                  everything that must not be forgotten, reports included
///     highest-time             the highest time ever accepted
///     downloads/               blobs on their way to a release; emptied after each order
///     releases/PRODUCT/RELEASE/  manifest.json, and indexes and hooks by their digests
///     units/PRODUCT/           the files of units that have no folder of their own, and what lay there before them
///     backups/PRODUCT.UNIT/    copies of what units declare, the latest two
///     program.json             which release of the agent itself runs
///     service-mark             tells this folder's services from those of another agent
///     services/, logs/         the processes that the agent looks after, and what they print
struct AgentFolder: Sendable {
    let base: Directory

    static func open(_ path: String) throws -> AgentFolder {
        do { return AgentFolder(base: try Directory.open(absolute(path))) } catch let error as EffectsError
            where error.code == "effects.file.absent"
        {
            throw AgentError(
                code: "notFound", summary: "There is no folder \(path).",
                remedy: "Enrol this host with `slipway-agent join STRING --dir \(path.shellWord)`.")
        }
    }

    /// Hooks and scripts start elsewhere: what they are told of the folder must not depend on where the agent stood.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    /// Other users may look, as services do whose programs lie here; whoever may write could put another identity in.
    static func refuseWritableByOthers(_ base: Directory) throws {
        let mode = try base.status().mode & 0o777
        guard mode & 0o022 != 0 else { return }
        throw AgentError(
            code: "folderMode",
            summary: "The folder \(base.path) has mode \(String(mode, radix: 8)): others may write into it.",
            remedy: "Look at what is in it, then: chmod go-w \(base.path)")
    }

    func trust() throws -> Directory { try folder("trust") }
    func downloads() throws -> Directory { try folder("downloads") }
    func releases() throws -> Directory { try folder("releases") }
    func services() throws -> Directory { try folder("services") }
    func units() throws -> Directory { try folder("units") }
    func backups() throws -> Directory { try folder("backups") }
    func logs() throws -> Directory { try folder("logs") }
    func tls() throws -> Directory { try folder("tls") }

    /// Something else in the folder's place is moved aside (R10).
    private func folder(_ name: String) throws -> Directory {
        if let status = try base.status(name), status.kind != .directory {
            let aside = "\(name).damaged"
            try base.removeTree(aside)
            try base.rename(name, to: aside)
        }
        return try base.createDirectory(name, mode: 0o700)
    }

    /// What TLS needs; nil on a host that never enrolled.
    func identity() throws -> TLSIdentity? { try StoredIdentity.read(in: tls())?.tls }
}
