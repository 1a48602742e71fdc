import ArgumentParser
import ReleaseDefinition
import Testing

@testable import slipway

@Suite("Dangerous acts are confirmed")
struct ConfirmationTests {
    private static let acts = [
        ["rollout", "abort", "r1", "--reason", "why"],
        ["rollout", "back-out", "r1", "--reason", "why"],
        ["emergency", "push", "web@1.0", "--reason", "why", "--all"],
        ["hosts", "revoke", "h1", "--reason", "why"],
        ["hosts", "retire", "h1", "--reason", "why"],
        ["release", "revoke", "web@1.0", "--environment", "production", "--reason", "why"],
        ["freeze", "now", "--reason", "why"],
        ["hosts", "authority", "rotate"],
        ["hosts", "authority", "finish"],
        ["hosts", "authority", "finish", "--leave-behind"],
    ]

    /// What it ends with; there is no controller in the folder, so that whoever asks for one is told so.
    private func end(of arguments: [String]) async throws -> String? {
        var command = try SlipwayCommand.parseAsRoot(arguments + ["--dir", "/nonexistent"])
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return nil
        } catch let error as any ReportableError { return error.code }
    }

    @Test(
        "Each asks before anything is sent: without an answer it is a usage error, with --yes it goes on",
        arguments: acts)
    func asks(act: [String]) async throws {
        #expect(try await end(of: act + ["--no-input"]) == "command.confirm.absent")
        // Tests have no terminal as stdin.
        if !StandardInput.isTerminal { #expect(try await end(of: act) == "command.confirm.absent") }
        for yes in [["--yes"], ["--yes", "--no-input"]] {
            let code = try await end(of: act + yes)
            #expect(code != nil && code != "command.confirm.absent", "\(act): \(code ?? "-")")
        }
        let absent = #expect(throws: CommandError.self) {
            try Confirmation(yes: false, noInput: true).require("Do it?")
        }
        #expect(absent.map { ProgramExit.report($0) } == .usage)
        #expect(absent?.remedy.contains("--yes") == true)
    }

    @Test("What takes nothing away is not asked about")
    func harmless() async throws {
        for act in [["rollout", "halt", "r1", "--reason", "why"], ["freeze", "lift", "f1", "--reason", "why"]] {
            #expect(try await end(of: act) != "command.confirm.absent")
        }
    }
}
