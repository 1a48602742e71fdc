import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("systemd units, and what health asks")
struct ServiceTypeTests {
    /// Stands for systemctl: notes what it is told and says that the unit is in the state that a file holds.
    private func systemctl(_ folder: TemporaryFolder) throws -> String {
        let text = """
            #!/bin/sh
            echo "$*" >> \(folder.path)/notes
            case "$1" in is-active) cat \(folder.path)/state;; esac
            """
        try folder.directory.writeDurably("systemctl", Array((text + "\n").utf8), mode: 0o755)
        try folder.directory.writeDurably("state", Array("active\n".utf8))
        return folder.path + "/systemctl"
    }

    private func unit(_ update: SystemdService.Update?) throws -> UnitDefinition {
        var unit = try TestRepository.unit()
        unit.service = .systemd(SystemdService(unit: "web.service", update: update))
        unit.health = []
        unit.minimumHealthy = .milliseconds(100)
        return unit
    }

    @Test("A service of systemd is stopped before the switch and started after it, or only told to read again")
    func order() async throws {
        for (update, expected) in [
            (SystemdService.Update?.none, ["stop -- web.service", "daemon-reload", "start -- web.service"]),
            (.reload, ["daemon-reload", "reload-or-restart -- web.service"]),
        ] {
            let folder = try TemporaryFolder()
            let repository = try TestRepository()
            let one = try await repository.submit("1.0", units: [unit(update)])
            let two = try await repository.submit("2.0", units: [unit(update)])
            let host = try await TestHost(repository, systemctl: systemctl(folder))
            let first = try await host.carryOut(repository.assignment(1, .install, one), installOrder(1))
            #expect(first.outcome == .succeeded, "\(first)")
            try folder.directory.removeFile("notes")
            try await host.carryOut(repository.assignment(2, .install, two), installOrder(2))
            let told = try UnitTypeTests.lines(folder).filter { !$0.hasPrefix("is-active") }
            #expect(told == expected)
            try await host.end()
        }
    }

    @Test("A unit of systemd that is not active is not healthy: the release is backed out")
    func inactive() async throws {
        let folder = try TemporaryFolder()
        let repository = try TestRepository()
        let one = try await repository.submit("1.0", units: [unit(nil)])
        let program = try systemctl(folder)
        try folder.directory.writeDurably("state", Array("failed\n".utf8))
        let host = try await TestHost(repository, systemctl: program)
        let ended = try await host.carryOut(repository.assignment(1, .install, one), installOrder(1))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(ended.failure?.evidence.error.summary.contains("web.service is failed") == true)
        try await host.end()
    }

    @Test("A port that takes connections, a file with a text, not too old")
    func probes() async throws {
        let listener = try Listener()
        let folder = try TemporaryFolder()
        try folder.directory.writeDurably("ready", Array("all is ready\n".utf8))
        let configuration = RealAgent.configuration(repository: "http://127.0.0.1", root: "/")
        let now = SystemTime().now()
        func ask(_ probe: HealthProbe, later: TimeSpan = .zero) async throws -> Bool {
            let processes = LiveProcesses()
            let prober = HealthProber(
                http: NoNetwork(), processes: processes,
                environment: StepEnvironment(
                    configuration: configuration, labels: LabelsInForce(configuration.labels)),
                systemctl: Systemctl(processes: processes, workingDirectory: "/"), now: { now + later })
            let repository = try TestRepository()
            let release = try await repository.submit("1.0")
            let store = ReleaseStore(directory: folder.directory, root: folder.path, units: folder.path + "/units")
            let manifest = try repository.manifest(of: release)
            let stored = try store.keep(manifest, bytes: manifest.bytes, blobs: repository.blobs)
            let unit = try #require(manifest.units.first)
            return await prober.ask(HealthCheck(probe: probe, timeout: .seconds(5)), of: unit, in: stored).passed
        }
        #expect(try await ask(.tcp("127.0.0.1:\(listener.port)")))
        #expect(try await ask(.tcp("localhost:\(listener.port)")))
        let closed = try Listener()
        let port = closed.port
        closed.end()
        #expect(try await !ask(.tcp("127.0.0.1:\(port)")))
        #expect(try await !ask(.tcp("no-such-name.invalid:80")))
        let ready = folder.path + "/ready"
        #expect(try await ask(.file(FileProbe(path: ready))))
        #expect(try await ask(.file(FileProbe(path: ready, contains: "is ready", youngerThan: .hours(1)))))
        #expect(try await !ask(.file(FileProbe(path: ready, contains: "is broken"))))
        #expect(try await !ask(.file(FileProbe(path: ready, youngerThan: .hours(1))), later: .hours(2)))
        #expect(try await !ask(.file(FileProbe(path: folder.path + "/none"))))
        listener.end()
    }
}

private func installOrder(_ number: Int) throws -> OrderID {
    OrderID(rollout: try RolloutID("rollout-\(number)"), action: .install)
}

/// A socket on loopback that takes connections.
private final class Listener: Sendable {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isListening)
        port = UInt16(bigEndian: address.sin_port)
    }

    func end() { close(descriptor) }
}
