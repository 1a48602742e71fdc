import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging

/// What must hold before anything is fetched or touched. Reads, never writes; its findings come one at a time because
/// each is a reason of its own to refuse.
struct Preflight: Sendable {
    var folder: AgentFolder
    var configuration: AgentConfiguration
    /// Beyond what is needed, so that a host is never filled to the brim.
    static let reserve = ByteCount(4 << 20)
    static let fileReserve = 64

    /// - Throws: `agent.preflight.…`, `agent.layout.foreign`, `agent.variable`.
    func check(_ manifest: Manifest, _ task: InstallationTask, _ host: HostState) throws {
        try checkRequirements(manifest, host)
        try checkPlaces(manifest, host)
        try checkVariables(manifest)
        try checkSpace(manifest)
    }

    private func checkRequirements(_ manifest: Manifest, _ host: HostState) throws {
        for requirement in manifest.requires {
            let running = host.record(of: requirement.product).current?.name.version
            guard let running, requirement.version.contains(running) else {
                throw AgentError(
                    code: "preflight.requires",
                    summary: "\(manifest.name) requires \(requirement.product) \(requirement.version), this host runs "
                        + "\(running.map(\.text) ?? "none").",
                    remedy: "Install it first, or leave this host out of the rollout.")
            }
        }
    }

    private func checkPlaces(_ manifest: Manifest, _ host: HostState) throws {
        var taken: Set<String> = []
        for unit in manifest.units {
            try configuration.allows(unit, of: manifest.product)
            if let user = unit.definition.hooks.user, unit.runsHooks { _ = try SystemUser(named: user) }
            guard unit.definition.type == .tree else { continue }
            let layout = try UnitLayout(installTo: unit.definition.installTo, root: configuration.root)
            _ = try layout.current()
            guard taken.insert(layout.path).inserted else {
                throw AgentError(
                    code: "preflight.place", summary: "Two units of \(manifest.name) install to \(layout.path).",
                    remedy: "Give each unit a folder of its own.")
            }
        }
    }

    private func checkVariables(_ manifest: Manifest) throws {
        for unit in manifest.units {
            var words: [String] = []
            if case .command(let command) = unit.definition.service { words += command }
            for check in unit.definition.health {
                switch check.probe {
                case .http(let url, _): words.append(url)
                case .command(let command): words += command
                case .tcp(let address): words.append(address)
                case .file(let probe): words.append(probe.path)
                case .metric(let probe): words += probe.words
                case .systemd: break
                }
            }
            for word in words { _ = try Variables.expand(word, configuration.variables) }
        }
    }

    /// The packed and the unpacked new release must fit beside what is there; current and last good are there already.
    private func checkSpace(_ manifest: Manifest) throws {
        let packed = manifest.blobs.reduce(Int64(0)) { clampedSum($0, $1.length.value) }
        let hooks = manifest.units.flatMap(\.hooks).reduce(Int64(0)) { clampedSum($0, $1.blob.length.value) }
        // The downloads and what is kept of them are both on the agent's own file system for a while.
        let backups = try Backups(folder: folder, root: configuration.root, now: { UTCInstant(secondsSince1970: 0) })
            .need(manifest)
        var needs: [(directory: Directory, bytes: Int64)] = [
            (folder.base, clampedSum(clampedSum(packed, hooks), backups))
        ]
        for unit in manifest.units {
            let directory =
                unit.definition.type == .tree
                ? try UnitLayout(installTo: unit.definition.installTo, root: configuration.root).makeParent()
                : try folder.units()
            // Each file and folder takes whole blocks.
            let blocks = Int64(clamping: unit.payload.fileCount).multipliedReportingOverflow(by: 4096).partialValue
            needs.append((directory, clampedSum(unit.payload.tar.length.value, blocks)))
        }
        try checkFiles(needs.map(\.directory), manifest)
        var byDevice: [UInt64: (bytes: Int64, directory: Directory)] = [:]
        for need in needs {
            let device = try need.directory.device()
            byDevice[device] = (clampedSum(byDevice[device]?.bytes ?? Self.reserve.value, need.bytes), need.directory)
        }
        for (bytes, directory) in byDevice.values {
            let free = try directory.freeSpace()
            guard free.value >= bytes else {
                throw AgentError(
                    code: "preflight.space",
                    summary: "\(manifest.name) needs \(ByteCount(bytes)) on the file system of \(directory.path), "
                        + "\(free) are free.",
                    remedy: "Free some space on the host; nothing was fetched or changed.")
            }
        }
    }

    /// A switch and a back-out make new files beside the old ones: a file system without room for one more holds both up.
    private func checkFiles(_ directories: [Directory], _ manifest: Manifest) throws {
        // The tree, and as many again for what is put on the host one by one; what the agent keeps besides.
        let files = manifest.units.reduce(0) { sum, unit in
            sum + unit.hooks.count + min(unit.payload.fileCount, 1 << 24) * (unit.definition.type == .tree ? 1 : 2)
        }
        let needed = UInt64(clamping: files + Self.fileReserve)
        for directory in directories {
            guard let free = try directory.freeFiles(), free < needed else { continue }
            throw AgentError(
                code: "preflight.space",
                summary:
                    "\(manifest.name) needs \(needed) free inodes on the file system of \(directory.path), \(free) are"
                    + " free.",
                remedy: "Remove files that nobody needs; nothing was fetched or changed.")
        }
    }

    private func clampedSum(_ one: Int64, _ other: Int64) -> Int64 {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? Int64.max : sum
    }
}

extension Directory {
    /// Which file system it is on.
    func device() throws -> UInt64 {
        var status = Glibc.stat()
        guard fstat(descriptor, &status) == 0 else {
            throw AgentError(
                code: "preflight.device", summary: "The file system of \(path) cannot be told (errno \(errno)).",
                remedy: "Check the path.")
        }
        return UInt64(status.st_dev)
    }
}
