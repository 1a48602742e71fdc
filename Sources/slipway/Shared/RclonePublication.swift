import Effects
import FoundationEssentials
import Glibc
import ReleaseDefinition

/// Brings a repository to whatever rclone writes to, in the order of `RepositoryCopy`: what is named by others comes before
/// what names it, so that no reader sees a name that leads nowhere, also where this is killed. Files that nobody needs any
/// more stay.
struct RclonePublication {
    static let prefix = "rclone:"
    private static let mutableSizeMax = ByteCount(8 << 20)
    /// Names in it are digests or carry a version: such a file never changes.
    private static let forever = "Cache-Control: public, max-age=31536000, immutable"
    private static let short = "Cache-Control: max-age=30"

    private let source: Directory
    /// As rclone names it: `REMOTE:PATH`, or a folder.
    private let remote: String
    private let program: String
    private let processes: any ProcessDoor

    /// - Parameter place: `rclone:REMOTE:PATH`.
    /// - Throws: `command.publish.remote`, `command.publish.rclone`.
    init(from source: Directory, to place: String, processes: any ProcessDoor = LiveProcesses()) throws {
        remote = String(place.dropFirst(Self.prefix.count))
        guard !remote.isEmpty, !remote.hasPrefix("-") else {
            throw CommandError(
                code: "publish.remote", summary: "\(place.debugDescription) names no remote of rclone.",
                remedy: "Write rclone:REMOTE:PATH, as rclone listremotes shows them.")
        }
        (self.source, self.processes) = (source, processes)
        program = try Self.find("rclone")
    }

    func run() async throws -> RepositoryCopy.Result {
        try await WorkFolder.with { held in
            // Read before anything is sent: what they name exists by then, and is never changed.
            let timestamp = try source.read("metadata/timestamp.json", sizeMax: Self.mutableSizeMax)
            try held.writeDurably("timestamp.json", timestamp)
            let hasDirector = try holdDirector(in: held)
            var result = RepositoryCopy.Result()
            for part in ["blobs", "targets", "metadata"] where try source.status(part) != nil {
                // A blob's name is its digest: its length is enough. What a killed publish left of others may have it too.
                let comparison = part == "blobs" ? "--size-only" : "--checksum"
                try await send(
                    [
                        "copy", "\(source.path)/\(part)", place(part), "--exclude", "/timestamp.json", "--exclude",
                        ".*",
                        comparison, "--header-upload", Self.forever,
                    ], &result)
            }
            // Not by what rclone can compare: a remote without digests has lengths alone, and those are mostly the same.
            let mutable = ["--ignore-times", "--header-upload", Self.short]
            try await send(
                ["copyto", "\(held.path)/timestamp.json", place("metadata/timestamp.json")] + mutable, &result)
            if hasDirector { try await send(["copy", "\(held.path)/director", place("director")] + mutable, &result) }
            return result
        }
    }

    private func place(_ path: String) -> String { remote.hasSuffix(":") ? remote + path : "\(remote)/\(path)" }

    private func holdDirector(in held: Directory) throws -> Bool {
        let files = try RepositoryCopy.files(of: source, below: "director")
        for path in files {
            _ = try held.createDirectory(Directory.split(path).folder)
            try held.writeDurably(path, try source.read(path, sizeMax: Self.mutableSizeMax))
        }
        return !files.isEmpty
    }

    private func send(_ arguments: [String], _ result: inout RepositoryCopy.Result) async throws {
        let reporting = ["--use-json-log", "--log-level", "INFO", "--stats-log-level", "INFO"]
        let ended = try await processes.run(
            ProcessCommand(
                executable: program, arguments: arguments + reporting,
                // Where its remotes are, and the secrets of some, stand in the environment.
                environment: ProcessInfo.processInfo.environment, workingDirectory: Self.workingDirectory,
                timeout: .hours(24)))
        let lines = ended.output.split(separator: "\n").compactMap { line in
            try? JSONDecoder().decode(Line.self, from: Data(line.utf8))
        }
        guard ended.end == .exited(0) else {
            let said = lines.filter { $0.level == "error" || $0.level == "fatal" }.map(\.msg)
            throw CommandError(
                code: "publish.rclone", summary: "rclone \(arguments[0]) to \(arguments[2]) ended with \(ended.end).",
                remedy:
                    "Nothing names what is missing: publish again once rclone can. It was: \(program) \(arguments[0])",
                cause: said.isEmpty ? ended.output : said.suffix(5).joined(separator: "; "))
        }
        guard let stats = lines.last(where: { $0.stats != nil })?.stats else { return }
        result.files += stats.transfers
        result.bytes = ByteCount(result.bytes.value + stats.bytes)
    }

    /// Of rclone's log, a line each.
    private struct Line: Decodable {
        struct Stats: Decodable {
            var bytes: Int64
            var transfers: Int
        }

        var level: String
        var msg: String
        var stats: Stats?
    }

    /// Folders of the operator's words are meant from there.
    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func find(_ name: String) throws -> String {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
        for folder in folders where folder.hasPrefix("/") && access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        throw CommandError(
            code: "publish.rclone", summary: "There is no \(name) in PATH.",
            remedy: "Install it (apt-get install \(name)), or publish to a folder.")
    }
}
