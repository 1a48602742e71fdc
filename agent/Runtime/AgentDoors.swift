import Effects
import Logging
import ReleaseDefinition

/// The doors that an agent goes through, live or seeded.
struct AgentDoors: Sendable {
    /// To the controller and the repository.
    var http: any HTTPDoor
    /// To the repository and its mirrors, where these have authorities of their own; nil: the same.
    var repository: (any HTTPDoor)?
    /// To what runs on this host: no certificate of ours is shown to it.
    var local: any HTTPDoor
    /// Programs of releases, and what changes the host for them.
    var processes: any ProcessDoor
    /// The host's own programs that ask and tell; nil: the same door.
    var tools: (any ProcessDoor)?
    var time: any TimeDoor
    var random: any RandomDoor
    /// A stop hook of the release that is left may fail: whoever types the command said so.
    var ignoresStopFailure = false
    var systemctl = "/usr/bin/systemctl"
    /// How far apart two files may be that caches on the way hold: two of half a minute, one behind the other, and some more.
    var cacheAge = TimeSpan.seconds(75)
    /// How another release of the agent comes in this one's place.
    var program = ProgramDoor.byHand
    /// Whether a fresh connection to `host:port` is taken.
    var reach: @Sendable (String, TimeSpan) async throws -> TCPReach.Answer = {
        try await TCPReach.ask($0, timeout: $1)
    }

    func operations(
        folder: AgentFolder, configuration: AgentConfiguration, labels: LabelsInForce, log: Logger
    ) throws -> UnitOperations {
        let environment = StepEnvironment(configuration: configuration, labels: labels)
        let control = Systemctl(
            processes: tools ?? processes, workingDirectory: folder.base.path, program: systemctl)
        let time = time
        return UnitOperations(
            hooks: HookRunner(
                processes: processes, time: time, environment: environment, workingDirectory: folder.base.path),
            prober: HealthProber(
                http: local, processes: processes, environment: environment, systemctl: control, reach: reach,
                now: { time.now() }),
            services: ServiceSupervisor(
                folder: folder, processes: processes, time: time, random: random, log: log),
            systemctl: control, time: time, environment: environment)
    }
}

/// `/etc/machine-id`: which machine this is, whatever key it holds.
enum MachineID {
    /// Of the host's present run: random(4) names the kernel's; a container that is a host has the same one after its restart,
    /// but another process 1.
    static func boot(_ path: String? = nil) -> String? {
        if let path {
            let (folder, name) = Directory.split(path)
            return firstLine(of: name, in: folder)
        }
        return firstLine(of: "boot_id", in: "/proc/sys/kernel/random").map { kernel in
            LiveProcesses.process(1).map { "\(kernel)-\($0.startTicks)" } ?? kernel
        }
    }

    static func read() -> String? { firstLine(of: "machine-id", in: "/etc") }

    private static func firstLine(of name: String, in folder: String) -> String? {
        guard let folder = try? Directory.open(folder),
            // Files of /proc say that they are empty; they are read until nothing comes.
            let bytes = try? folder.openFile(name).read(upTo: 4096)
        else { return nil }
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
