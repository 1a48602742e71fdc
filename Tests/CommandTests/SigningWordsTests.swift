import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import slipway

@Suite("Words about signatures")
struct SigningWordsTests {
    private func standing(
        _ role: String, by delegator: String, _ threshold: Int, _ signers: [(String, Bool)]
    ) -> SignatureStandingView {
        SignatureStandingView(
            role: role, delegator: delegator, threshold: threshold, votes: signers.filter(\.1).count,
            signers: signers.map {
                KeyHolderView(name: $0.0, keyID: "id-\($0.0)", onController: false, hasSigned: $0.1)
            })
    }

    private func change(_ standings: [SignatureStandingView]) throws -> MetadataChangeView {
        MetadataChangeView(
            id: "c1", state: .open, summary: "a test", proposedAt: try UTCInstant("2026-11-21T10:00:00Z"),
            proposedBy: "person:admin", digest: nil, candidates: [], standings: standings, reason: nil)
    }

    @Test("A new root that the same people sign for both roots is named once, else with whose keys are meant")
    func rootTwice() {
        let old = standing("root", by: "the root in force", 1, [("ann", false)])
        let same = standing("root", by: "the new root", 1, [("ann", false)])
        let other = standing("root", by: "the new root", 2, [("bob", true), ("ann", false)])
        #expect([old, same].words == "root 0 of 1")
        #expect(
            [old, other].words == "root 0 of 1 by keys of the root in force, root 1 of 2 by keys of the new root")
    }

    @Test("Who signs a second time is told that it is signed, and how many have")
    func again() throws {
        let open = try change([standing("staging-web", by: "targets", 2, [("ann", true), ("bob", false)])])
        #expect(
            ChangeSigning.signedAlready(open, ["id-ann"])
                == "Already signed by you (ann): nothing was sent. It stands at staging-web 1 of 2.")
        #expect(ChangeSigning.signedAlready(open, ["id-bob"]) == nil)
        #expect(ChangeSigning.signedAlready(open, ["id-carol"]) == nil)
        // One of two roles is still open for this key.
        let half = try change([
            standing("targets", by: "root", 1, [("ann", false)]),
            standing("staging-web", by: "targets", 2, [("ann", true)]),
        ])
        #expect(ChangeSigning.signedAlready(half, ["id-ann"]) == nil)
        #expect(
            ChangeSigning.outcome(open)
                == "Signed. Still waiting for others: staging-web 1 of 2. They type: slipway keys sign \(open.id)")
    }

    @Test(
        "Without a terminal a confirmation says what is missing, not how the command is used",
        .enabled(if: !StandardInput.isTerminal, "stdin is a terminal"))
    func noTerminal() {
        let error = #expect(throws: CommandError.self) {
            try Confirmation(yes: false).require("Sign c1 with this key?")
        }
        #expect(error?.code == "command.confirm.absent")
        #expect(error?.remedy.contains("--yes") == true)
        #expect(error.map { ProgramExit.report($0) } == .usage)
    }

    @Test("No root is believed but the one that is given: the controller's own is never taken by itself")
    func root() async throws {
        try await WorkFolder.with { work in
            let client = ControllerClient(http: ScriptedHTTP([]), baseURL: "https://controller:8443", token: "t")
            let options = try TrustOptions.parse(["--trust", work.path + "/trust"])
            let error = #expect(throws: CommandError.self) { try options.open(client) }
            #expect(error?.code == "command.trust.root")
            #expect(error?.remedy.contains("--root") == true)
        }
    }

    @Test("slipway init explains itself where the controller's program is missing")
    func initHelp() async throws {
        let help = SlipwayCommand.helpMessage(for: InitCommand.self)
        for option in ["--dir", "--profile", "--offline-keys", "--threshold"] { #expect(help.contains(option)) }
    }

    @Test(
        "Lengths of time are said as people do",
        arguments: [
            (0, "0s"), (850, "850ms"), (5000, "5s"), (39_713, "39.7s"), (60_000, "1m"), (725_000, "12m 5s"),
            (12_000_000, "3h 20m"), (187_200_000, "2d 4h"), (86_400_000, "1d"),
        ])
    func durations(_ milliseconds: Int64, _ words: String) {
        #expect(TimeSpan.milliseconds(milliseconds).words == words)
    }

    @Test("One host is no plural")
    func counts() {
        #expect(1.of("host") == "1 host")
        #expect(0.of("phase") == "0 phases")
        #expect(12.of("host") == "12 hosts")
    }
}
