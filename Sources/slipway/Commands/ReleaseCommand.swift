import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "What is built, approved and revoked.",
        subcommands: [
            ReleaseDraftCommand.self, ReleaseChangesCommand.self,
            ReleaseSubmitCommand.self, ReleaseListCommand.self, ReleaseShowCommand.self, ReleasePromoteCommand.self,
            ReleaseApproveCommand.self, ReleaseRevokeCommand.self, ReleaseWithdrawCommand.self,
            ReleaseFloorCommand.self, ReleaseExportCommand.self, ReleasePlanCommand.self,
            ReleaseEvidenceCommand.self, ReleaseAuthoriseCommand.self, ReleaseChecklistCommand.self,
            ReleaseFeedbackCommand.self, ReleaseKnownErrorCommand.self, ReleaseReviewCommand.self,
            ReleaseCloseCommand.self, ReleaseStatusCommand.self, ReleaseDocsCommand.self, ReleaseRetentionCommand.self,
        ])
}

struct ReleasePresentation: Presentable {
    var release: ReleaseView

    static let columns = ["RELEASE", "CATEGORY", "SIZE", "ENVIRONMENTS", "SUBMITTED", "SUMMARY"]
    var cells: [String] {
        [
            release.release.description, release.category.rawValue, size.description, environments,
            release.submittedAt.description, release.summary,
        ]
    }
    var name: String { release.release.description }
    func encode(to encoder: any Encoder) throws { try release.encode(to: encoder) }

    private var size: ByteCount { ByteCount(release.units.reduce(Int64(0)) { $0 + $1.size.value }) }

    private var environments: String {
        let names =
            release.environments.map {
                $0.environment.text
                    + ($0.withdrawnAt != nil ? " (withdrawn)" : $0.revocation != nil ? " (revoked)" : "")
            } + release.waiting.map { "\($0.environment) (\($0.votes) of \($0.threshold))" }
        return names.isEmpty ? "-" : names.joined(separator: ", ")
    }

    var details: String {
        let facts = TextTable(pairs: [
            ("release", release.release.description), ("category", release.category.rawValue),
            ("summary", release.summary), ("owner", release.owner), ("manifest", release.manifest.hex),
            ("submitted", "\(release.submittedAt) by \(release.submittedBy)"),
        ])
        let units = TextTable(
            ["UNIT", "INSTALLED TO", "PATHS", "SIZE", "PAYLOAD"],
            release.units.map {
                [
                    $0.fileName, $0.installTo, String($0.files),
                    $0.size.description, $0.payload.hex,
                ]
            })
        let approvals = TextTable(
            ["ENVIRONMENT", "APPROVED", "WITHDRAWN", "REVOKED"],
            release.environments.map {
                [
                    $0.environment.text, $0.approvedAt.description, $0.withdrawnAt?.description ?? "-",
                    $0.revocation.map { "\($0.at) by \($0.by): \($0.reason)" } ?? "-",
                ]
            })
        let waiting = release.waiting.map { waiting in
            "waiting for approval in \(waiting.environment): \(waiting.words)\n"
                + (waiting.waitsFor.map { "  first, \($0)\n" } ?? "")
        }
        return [facts.text, units.text, approvals.text].joined(separator: "\n") + waiting.joined()
    }
}
