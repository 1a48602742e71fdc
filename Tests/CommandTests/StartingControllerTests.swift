import ControllerAPI
import Effects
import ReleaseDefinition
import Synchronization
import Testing

@testable import slipway

@Suite struct StartingControllerTests {
    private static let request = HTTPRequest("POST", "https://127.0.0.1:8443/v1/hosts/invitations", headers: [])

    /// What was said to the person.
    private final class Said: Sendable {
        private let all = Mutex<[String]>([])
        var lines: [String] { all.withLock { $0 } }
        func say(_ line: String) { all.withLock { $0.append(line) } }
    }

    @Test("A command that comes before its controller listens waits, says so once, and is sent again")
    func waits() async throws {
        let (said, http) = (
            Said(), ScriptedHTTP([.unreachable, .unreachable, .status(200, .object([])), .unreachable])
        )
        let door = StartingController(http, time: PatientTime(), say: said.say)
        #expect(try await door.send(Self.request).status == 200)
        #expect(http.requests.count == 3)
        #expect(said.lines == ["Nobody answers at https://127.0.0.1:8443 yet: waiting for it, 10s at most."])
        // Once it has answered, whoever loses it hears of that at once.
        await #expect(throws: EffectsError.self) { try await door.send(Self.request) }
        #expect(http.requests.count == 4)
    }

    @Test("Where nobody ever listens the command ends, with what it would have said at once")
    func ends() async throws {
        let (said, time, http) = (Said(), PatientTime(), ScriptedHTTP([]))
        let door = StartingController(http, time: time, say: said.say)
        let error = await #expect(throws: EffectsError.self) { try await door.send(Self.request) }
        #expect(error?.code == "effects.http.unreachable")
        #expect(time.monotonic() == StartingController.patience && said.lines.count == 1)
    }
}
