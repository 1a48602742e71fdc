import Effects
import Logging
import ReleaseDefinition

/// What the agent keeps running for one unit.
struct ServiceSpec: Sendable, Equatable {
    var product: ProductName
    var unit: UnitName
    var release: HostRelease
    var slot: SlotName?
    var command: ProcessCommand

    /// The name of its record and its log.
    var key: ServiceKey { ServiceKey(product: product, unit: unit, slot: slot) }
}

/// `payments.api`, or `payments.api@b` of a unit with slots.
struct ServiceKey: Sendable, Hashable, CustomStringConvertible {
    var product: ProductName
    var unit: UnitName
    var slot: SlotName?
    var description: String { "\(product).\(unit)" + (slot.map { "@" + $0.rawValue } ?? "") }
}

/// What is on the disk about a service, so that a new agent finds the process that an earlier one started.
private struct ServiceRecord: Codable {
    var release: HostRelease
    var process: ServiceProcess
}

/// Looks after services: started once, found again after a restart of the agent by process number and start time,
/// restarted with back-off when they end by themselves, stopped when asked. Services outlive the agent.
actor ServiceSupervisor {
    static let grace = TimeSpan.seconds(10)
    private static let delayMax = TimeSpan.seconds(60)
    private static let delayMin = TimeSpan.milliseconds(500)
    /// A service that ran so long starts its back-off anew.
    private static let steadyAfter = TimeSpan.seconds(60)
    private static let logSizeMax = ByteCount(8 << 20)

    private struct Supervised {
        var release: HostRelease
        var process: ServiceProcess?
        /// How often it ended by itself since it was started by a step.
        var ends: Int
        var task: Task<Void, Never>
    }

    private let folder: AgentFolder
    private let processes: any ProcessDoor
    private let time: any TimeDoor
    private let random: any RandomDoor
    private let log: Logger
    private var supervised: [ServiceKey: Supervised] = [:]

    init(
        folder: AgentFolder, processes: any ProcessDoor, time: any TimeDoor, random: any RandomDoor, log: Logger
    ) {
        self.folder = folder
        self.processes = processes
        self.time = time
        self.random = random
        self.log = log
    }

    /// Makes sure that the service of this very release runs and is looked after. Safe to repeat.
    /// - Throws: `effects.process.start`: it cannot be started at all.
    func start(_ spec: ServiceSpec) async throws {
        if let known = supervised[spec.key], known.release == spec.release, let process = known.process,
            processes.isRunning(process)
        {
            return
        }
        let process: ServiceProcess
        if let found = try find(spec.key), found.release == spec.release {
            process = found.process
            log.info("service found again", metadata: ["service": "\(spec.key)", "process": "\(process.processID)"])
            supervised.removeValue(forKey: spec.key)?.task.cancel()
        } else {
            try await stop(spec.key)
            process = try await launch(spec)
        }
        watch(spec, process)
    }

    /// Ends the service of a unit, whichever release's it is, and looks after it no longer. Not running is fine.
    func stop(_ key: ServiceKey) async throws {
        supervised.removeValue(forKey: key)?.task.cancel()
        var found = try find(key).map { [$0.process] } ?? []
        found += try ServiceStrays.find(folder, key).filter { !found.contains($0) }
        for process in found { try await processes.stopService(process, grace: Self.grace) }
        try folder.services().removeFile("\(key).json")
    }

    /// Whether the service of this release runs now, and how often it ended by itself since a step started it.
    func status(_ key: ServiceKey, release: HostRelease) -> (isRunning: Bool, ends: Int) {
        guard let one = supervised[key], one.release == release else { return (false, 0) }
        return (one.process.map(processes.isRunning) ?? false, one.ends)
    }

    /// The process of this release's service, while it runs.
    func process(_ key: ServiceKey, release: HostRelease) -> ServiceProcess? {
        guard let one = supervised[key], one.release == release else { return nil }
        return one.process.flatMap { processes.isRunning($0) ? $0 : nil }
    }

    /// The end of what it printed.
    func logTail(_ key: ServiceKey, _ countMax: Int) -> String {
        guard let file = try? folder.logs().openFile("\(key).log"), let size = try? file.size() else { return "" }
        let offset = max(0, size.value - Int64(countMax))
        let bytes = (try? file.read(at: offset, count: countMax)) ?? []
        return String(decoding: bytes, as: UTF8.self).tail(countMax)
    }

    /// The agent ends, the services go on.
    func detach() {
        for one in supervised.values { one.task.cancel() }
        supervised = [:]
    }

    private func launch(_ spec: ServiceSpec) async throws -> ServiceProcess {
        try shortenLog(spec.key)
        var command = spec.command
        command.environment[ServiceStrays.variable] = try folder.markServices(random).marker(spec.key)
        let process = try await processes.startService(command, log: folder.logs().path + "/\(spec.key).log")
        let record = ServiceRecord(release: spec.release, process: process)
        try folder.services().writeDurably("\(spec.key).json", JSONCoding.value(of: record).prettyBytes, mode: 0o600)
        log.info(
            "service started",
            metadata: ["service": "\(spec.key)", "release": "\(spec.release)", "process": "\(process.processID)"])
        return process
    }

    private func watch(_ spec: ServiceSpec, _ process: ServiceProcess) {
        let task = Task { await self.supervise(spec, from: process) }
        supervised[spec.key] = Supervised(release: spec.release, process: process, ends: 0, task: task)
    }

    private func supervise(_ spec: ServiceSpec, from first: ServiceProcess) async {
        var process: ServiceProcess? = first
        var delay = Self.delayMin
        while !Task.isCancelled {
            if let running = process {
                let startedAt = time.monotonic()
                do { try await processes.waitForEnd(of: running) } catch { return }
                guard !Task.isCancelled, noteEnd(spec.key) else { return }
                if time.monotonic().milliseconds - startedAt.milliseconds >= Self.steadyAfter.milliseconds {
                    delay = Self.delayMin
                }
                log.warning(
                    "service ended by itself", metadata: ["service": "\(spec.key)", "next start in": "\(delay)"])
            }
            do { try await time.sleep(for: delay) } catch { return }
            delay = min(delay * 2, Self.delayMax)
            guard !Task.isCancelled, supervised[spec.key] != nil else { return }
            do {
                let next = try await launch(spec)
                // It was stopped meanwhile: this one came too late.
                guard !Task.isCancelled, supervised[spec.key] != nil else {
                    return try await processes.stopService(next, grace: Self.grace)
                }
                process = next
                supervised[spec.key]?.process = next
            } catch {
                process = nil
                log.error("service cannot be started", metadata: ["service": "\(spec.key)", "error": "\(error)"])
            }
        }
    }

    /// - Returns: whether it is still to be looked after.
    private func noteEnd(_ key: ServiceKey) -> Bool {
        guard supervised[key] != nil else { return false }
        supervised[key]?.ends += 1
        supervised[key]?.process = nil
        return true
    }

    /// The process on record, if it still runs. A record that cannot be read is removed: what it meant is found as a
    /// stray.
    private func find(_ key: ServiceKey) throws -> ServiceRecord? {
        let services = try folder.services()
        let name = "\(key).json"
        if let status = try services.status(name), status.kind != .file { try services.removeTree(name) }
        guard let bytes = try services.readIfPresent(name, sizeMax: ByteCount(1 << 16)) else { return nil }
        guard let record = try? JSONCoding.decode(ServiceRecord.self, from: bytes) else {
            try services.removeFile(name)
            return nil
        }
        return processes.isRunning(record.process) ? record : nil
    }

    /// Between two runs, so that nothing the service prints is lost while it runs.
    private func shortenLog(_ key: ServiceKey) throws {
        let logs = try folder.logs()
        let name = "\(key).log"
        guard let status = try logs.status(name) else { return }
        if status.kind != .file {
            try logs.removeTree(name)
        } else if status.size > Self.logSizeMax {
            try logs.rename(name, to: name + ".1")
        }
    }
}

/// Services that were started but not yet on record when the agent was killed: found by a variable of their environment.
enum ServiceStrays {
    static let variable = "SLIPWAY_SERVICE"
    private static let environmentSizeMax = 1 << 20

    /// Those that an agent started from this folder, and from no other.
    static func find(_ folder: AgentFolder, _ key: ServiceKey) throws -> [ServiceProcess] {
        try folder.serviceMark().map { find(markerBeginning: $0.marker(key)) } ?? []
    }

    static func find(markerBeginning marker: String) -> [ServiceProcess] {
        guard let proc = try? Directory.open("/proc"), let entries = try? proc.list() else { return [] }
        let wanted = Array("\(variable)=\(marker)".utf8)
        return entries.compactMap { entry in
            guard let number = Int32(entry.name),
                let file = try? proc.openFile(entry.name + "/environ"), let bytes = try? readAll(file),
                bytes.split(separator: 0).contains(where: { $0.starts(with: wanted) }),
                let stat = try? proc.openFile(entry.name + "/stat").read(upTo: 4096)
            else { return nil }
            // After the name in brackets: state, parent, group, session, …; the start time is field 22 of all.
            guard let close = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
            let fields = String(decoding: stat[(close + 1)...], as: UTF8.self).split(separator: " ")
            guard fields.count > 19, Int32(fields[3]) == number, let ticks = Int64(fields[19]) else { return nil }
            return ServiceProcess(processID: number, startTicks: ticks)
        }
    }

    private static func readAll(_ file: OpenFile) throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < environmentSizeMax, case let bytes = try file.read(upTo: 1 << 16), !bytes.isEmpty {
            all += bytes
        }
        return all
    }
}
