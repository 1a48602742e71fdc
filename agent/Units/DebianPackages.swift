import Effects
import ReleaseDefinition

/// Installs the Debian packages of a unit with the host's own dpkg, and brings back what was installed before.
///
/// Configuration files that were changed on the host are kept. A back-out needs the old packages' files: those of the
/// release before are in its tree; of a package that something else installed, the copy in apt's cache is kept first.
struct DebianPackages: Sendable {
    private static let recordName = "packages.json"
    private static let cache = "var/cache/apt/archives"

    var processes: any ProcessDoor
    /// `/`, or where `agent.json` says; dpkg's own `--root`.
    var root: String
    var originals: Directory
    var timeout: TimeSpan
    var workingDirectory: String

    /// One file of a unit's tree.
    struct Archive: Sendable, Equatable {
        var file: String
        var package: String
        var version: String
    }

    /// What was there of a package before the unit had it.
    struct Before: Codable, Sendable, Equatable {
        var package: String
        /// nil: it was not installed.
        var version: String?
        /// Its file among the originals; nil: there is none.
        var file: String?
    }

    /// Keeps what a way back needs; nothing is changed.
    /// - Throws: `agent.deb.irreversible`: a package that would be replaced is nowhere at hand.
    func prepare(_ new: Directory, old: Directory?, isReversible: Bool) async throws {
        let known = Set(try await old.asyncMap { try await archives(in: $0) }?.map(\.package) ?? [])
        var record = try readRecord()
        for archive in try await archives(in: new) where !known.contains(archive.package) {
            guard !record.contains(where: { $0.package == archive.package }) else { continue }
            let version = try await installed(archive.package)
            var before = Before(package: archive.package, version: version, file: nil)
            if let version, version != archive.version {
                before.file = try await keepCached(archive.package, version)
                guard before.file != nil || !isReversible else {
                    throw AgentError(
                        code: "deb.irreversible",
                        summary:
                            "\(archive.package) \(version) is installed and its file is not at hand: there would be "
                            + "no way back from \(archive.version).",
                        remedy:
                            "Fetch it with apt-get install --reinstall --download-only \(archive.package)=\(version),"
                            + " or declare the unit reversible: false.")
                }
            }
            record.append(before)
        }
        try originals.writeDurably(Self.recordName, JSONCoding.value(of: record).wireBytes, mode: 0o600)
    }

    /// Afterwards the packages of `new` are installed, and those that only `old` had are as they were before it.
    func change(from old: Directory?, to new: Directory?) async throws {
        let wanted = try await new.asyncMap { try await archives(in: $0) } ?? []
        let former = try await old.asyncMap { try await archives(in: $0) } ?? []
        if let new {
            var files: [String] = []
            for archive in wanted where try await installed(archive.package) != archive.version {
                files.append(new.path + "/" + archive.file)
            }
            try await install(files)
        }
        let left = former.map(\.package).filter { package in !wanted.contains { $0.package == package } }
        var record = try readRecord()
        for package in left.reversed() {
            guard let before = record.first(where: { $0.package == package }) else { continue }
            if let version = before.version {
                if let file = before.file, try await installed(package) != version {
                    try await install([originals.path + "/" + file])
                }
            } else if try await installed(package) != nil {
                try await dpkg(["--purge", package])
            }
        }
        record.removeAll { left.contains($0.package) }
        try originals.writeDurably(Self.recordName, JSONCoding.value(of: record).wireBytes, mode: 0o600)
    }

    func differences(_ tree: Directory) async throws -> [String] {
        var found: [String] = []
        for archive in try await archives(in: tree) {
            let version = try await installed(archive.package)
            guard version != archive.version else { continue }
            found.append("\(archive.package) is \(version ?? "not installed"), not \(archive.version)")
        }
        return found
    }

    // MARK: - dpkg

    func archives(in tree: Directory) async throws -> [Archive] {
        var found: [Archive] = []
        for entry in try tree.list().sorted(by: { $0.name < $1.name })
        where entry.kind == .file && entry.name.hasSuffix(".deb") {
            let output = try await run(
                "/usr/bin/dpkg-deb",
                ["--showformat=${Package}\\n${Version}\\n", "--show", tree.path + "/" + entry.name])
            let lines = output.split(separator: "\n").map(String.init)
            guard lines.count == 2 else {
                throw AgentError(
                    code: "deb.archive", summary: "\(entry.name) names neither package nor version.",
                    remedy: "Build the release again with sound packages.")
            }
            found.append(Archive(file: entry.name, package: lines[0], version: lines[1]))
        }
        guard !found.isEmpty else {
            throw AgentError(
                code: "deb.archive", summary: "\(tree.path) holds no .deb.",
                remedy: "Put the packages' files into the top of the unit's source.")
        }
        return found
    }

    /// The version that is installed and configured.
    private func installed(_ package: String) async throws -> String? {
        let result = try await processes.run(
            command(
                "/usr/bin/dpkg-query",
                [
                    "--admindir=" + path("var/lib/dpkg"), "--showformat=${db:Status-Status} ${Version}", "--show",
                    package,
                ]))
        let words = result.output.split(separator: " ", maxSplits: 1).map(String.init)
        guard result.end == .exited(0), words.count == 2, words[0] == "installed" else { return nil }
        return words[1]
    }

    private func install(_ files: [String]) async throws {
        guard !files.isEmpty else { return }
        try await dpkg(["--force-confdef", "--force-confold", "--install"] + files)
    }

    private func dpkg(_ arguments: [String]) async throws {
        _ = try await run("/usr/bin/dpkg", (root == "/" ? [] : ["--root=" + root]) + arguments)
    }

    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        let result = try await processes.run(command(program, arguments))
        guard result.end == .exited(0) else {
            throw StepError(
                .install,
                AgentError(
                    code: "deb.dpkg", summary: "\(program) \(arguments.first ?? "") \(result.end).",
                    remedy: "Its output is in the evidence; dpkg --configure -a may be needed."),
                output: result.output)
        }
        return result.output
    }

    private func command(_ program: String, _ arguments: [String]) -> ProcessCommand {
        ProcessCommand(
            executable: program, arguments: arguments,
            environment: [
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                "DEBIAN_FRONTEND": "noninteractive", "DEBIAN_PRIORITY": "critical",
            ], workingDirectory: workingDirectory, timeout: timeout)
    }

    // MARK: - What was there

    private func keepCached(_ package: String, _ version: String) async throws -> String? {
        guard let cache = try? Directory.open(path(Self.cache)) else { return nil }
        let start =
            "\(package)_\(version.split(separator: ":", omittingEmptySubsequences: false).joined(separator: "%3a"))_"
        for entry in try cache.list() where entry.name.hasPrefix(start) && entry.name.hasSuffix(".deb") {
            let (source, copy) = (try cache.openFile(entry.name), try fresh(entry.name))
            while case let piece = try source.read(upTo: 1 << 18), !piece.isEmpty { try copy.write(piece) }
            try copy.sync()
            try originals.sync()
            return entry.name
        }
        return nil
    }

    private func fresh(_ name: String) throws -> OpenFile {
        try originals.removeTree(name)
        return try originals.createFile(name, mode: 0o600)
    }

    private func readRecord() throws -> [Before] {
        guard let bytes = try originals.readIfPresent(Self.recordName, sizeMax: ByteCount(1 << 20)) else { return [] }
        return try JSONCoding.decode([Before].self, from: bytes)
    }

    private func path(_ relative: String) -> String { root == "/" ? "/" + relative : root + "/" + relative }
}

extension Optional {
    fileprivate func asyncMap<Value>(_ transform: (Wrapped) async throws -> Value) async rethrows -> Value? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
