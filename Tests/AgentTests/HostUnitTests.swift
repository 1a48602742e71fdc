import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Who joins as root is started by the package's unit")
struct HostUnitTests {
    private func unit(_ processes: ScriptedProcesses, booted: String = "/", isRoot: Bool = true) -> HostUnit {
        HostUnit(
            systemctl: Systemctl(processes: processes, workingDirectory: "/"), bootedMark: booted, isRoot: isRoot)
    }

    @Test("The unit is started for its own folder, by root, under systemd, and nowhere else")
    func starts() async throws {
        let processes = ScriptedProcesses(ends: [])
        #expect(try await unit(processes).start(folder: "/var/lib/slipway-agent"))
        #expect(processes.runs == 2, "cat, start")
        let others = ScriptedProcesses(ends: [])
        #expect(try await !unit(others).start(folder: "/srv/agent"))
        #expect(try await !unit(others, isRoot: false).start(folder: HostUnit.folder))
        #expect(try await !unit(others, booted: "/no/systemd").start(folder: HostUnit.folder))
        #expect(others.runs == 0)
        let unknown = ScriptedProcesses(ends: [.exited(1)])
        #expect(try await !unit(unknown).start(folder: HostUnit.folder), "no package")
    }

    @Test("A unit that does not start is said, with what to read, and not to join again")
    func fails() async throws {
        let processes = ScriptedProcesses(ends: [.exited(0), .exited(1)])
        let error = await #expect(throws: AgentError.self) { try await unit(processes).start(folder: HostUnit.folder) }
        #expect(error?.code == "agent.join.start")
        #expect(error?.remedy.contains("journalctl -u slipway-agent") == true)
    }
}
