import ControllerAPI
import ReleaseDefinition
import ReleasePackaging

@testable import slipway

/// What each command prints with `--output json`, or with `--format json` where `--output` is a file.
enum Printed {
    case one(any Decodable.Type)
    case list(any Decodable.Type)
    /// By arguments one or the other.
    case either([Printed])

    /// By command; those that print no data are not there.
    static var all: [String: Printed] {
        let rollout = Printed.one(ControllerAPI.RolloutView.self)
        let release = Printed.one(ReleaseView.self)
        let host = Printed.one(ControllerAPI.HostView.self)
        let lifecycle = Printed.one(LifecycleView.self)
        let override = Printed.one(PolicyOverrideView.self)
        var all: [String: Printed] = [
            "audit list": .list(AuditEntryView.self), "audit verify": .one(AuditHead.self),
            "cmdb query": .either([.list(ConfigurationItem.self), .list(MaterialPlaceView.self)]),
            "cmdb export": .list(ConfigurationItem.self), "cmdb baseline": .one(BaselineView.self),
            "deviation add": .one(Deviation.self), "deviation list": .list(Deviation.self),
            "deviation resolve": .one(Deviation.self), "doctor": .one(DoctorReport.self),
            "explain": .either([.one(ErrorExplanation.self), .list(ErrorExplanation.self)]),
            "freeze now": .one(FreezeView.self), "freeze list": .list(FreezeView.self),
            "freeze lift": .one(FreezeView.self), "grants add": .one(GrantView.self),
            "grants list": .list(GrantView.self), "grants remove": .list(GrantView.self),
            "hosts authority show": .one(AuthorityView.self), "hosts authority rotate": .one(AuthorityView.self),
            "hosts authority finish": .one(AuthorityView.self),
            "hosts invitation list": .list(InvitationRecordView.self),
            "hosts invitation revoke": .one(InvitationRecordView.self), "hosts invite": .one(InvitationView.self),
            "hosts list": .list(ControllerAPI.HostView.self), "hosts receipt import": .one(ReceiptView.self),
            "hosts label": .one(HostLabelsView.self), "hosts why": .one(RolloutWhyView.self),
            "keys status": .one(KeysView.self),
            "keys offline": .one(KeysView.self), "keys profile": .one(KeysView.self),
            "notifications list": .list(NotificationView.self), "notifications replay": .list(NotificationView.self),
            "package build": .one(PackageOutput.self), "package delta": .one(DeltaPresentation.self),
            "package inspect": .one(PackageOutput.self), "package patch": .one(PatchPresentation.self),
            "package unpack": .one(UnpackPresentation.self), "package verify": .one(VerifyPresentation.self),
            "policy check": .list(PolicyRefusal.self), "policy apply": .one(PolicyView.self),
            "policy show": .one(PolicyView.self), "policy override": override,
            "policy history": .either([.list(PolicyView.self), .list(PolicyOverrideView.self)]),
            "release authorise": lifecycle, "release checklist": .list(ChecklistItem.self),
            "release close": lifecycle, "release docs": .list(ReleaseDocumentView.self),
            "release evidence add": .one(EvidenceRecord.self), "release evidence list": .list(EvidenceRecord.self),
            "release feedback": .either([lifecycle, .one(FeedbackLinkView.self)]), "release known-error": lifecycle,
            "rehearse": .one(RehearsalView.self), "release list": .list(ReleaseView.self), "release plan": lifecycle,
            "release retention": .list(RetainedPackage.self),
            "release review": .either([
                lifecycle, .one(ReleaseReviewView.self), .one(EmergencyView.self), .list(EmergencyView.self),
            ]),
            "release status": .either([lifecycle, .list(LifecycleView.self)]),
            "report measures": .list(ReleaseMeasures.self), "report review": .one(ReleaseReviewView.self),
            "rollout authorise": .one(RolloutPlanView.self), "rollout list": .list(ControllerAPI.RolloutView.self),
            "rollout order": .list(RolloutOrder.Step.self), "rollout plan": .one(RolloutPlanView.self),
            "rollout preflight": .list(PreflightHostView.self), "rollout why": .one(RolloutWhyView.self),
            "simulate": .either([
                .one(SimulationView.self), .one(SimulationTally.self), .one(EngineMeasurement.self),
                .one(LedgerMeasurement.self),
            ]),
            "tokens create": .one(NewToken.self), "tokens list": .list(TokenView.self),
            "tokens revoke": .one(TokenView.self), "hosts doctor": .one(DoctorReport.self),
            "release changes": .list(RecentChange.self), "hosts drift": .list(HostDrift.self),
            "version": .one(VersionView.self), "login": .one(LoginView.self),
            "release draft": .one(DraftView.self), "import": .one(ImportView.self),
            "audit export": .one(AuditHead.self), "keys generate": .one(GeneratedKey.self),
            "release export": .one(ExportView.self), "repository publish": .one(PublishedView.self),
            "window propose": .list(WindowProposal.self), "window test": .list(OpeningView.self),
        ]
        for verb in ["show", "revoke", "retire", "unlock", "pin", "maintenance"] { all["hosts \(verb)"] = host }
        for verb in ["approve", "floor", "promote", "revoke", "show", "submit", "withdraw"] {
            all["release \(verb)"] = release
        }
        for verb in ["delegate", "drop", "renew", "rotate", "sign"] {
            all["keys \(verb)"] = .list(MetadataChangeView.self)
        }
        // Those that watch print the changes with --output ndjson, and what became of it with --output json.
        let verbs = ["abort", "halt", "pause", "promote", "resume", "retry", "show", "skip", "stop"]
        for verb in verbs { all["rollout \(verb)"] = rollout }
        for name in ["push", "emergency push", "rollout back-out", "rollout start", "rollout watch"] {
            all[name] = rollout
        }
        return all
    }

    /// Commands without such an option, and why.
    static let without: [String: String] = [
        "completions": "a script of a shell",
        "init": "what slipway-controller init prints, whose options it takes",
        "release evidence show": "a document as it was given",
        "repository client": "its exit code is all that the conformance tests of TUF know of",
    ]
}

/// A package: the manifest's members and two beside them (`PackagePresentation`).
struct PackageOutput: Decodable {
    private enum Keys: String, CodingKey { case digest, contents }

    init(from decoder: any Decoder) throws {
        _ = try Manifest(from: decoder)
        let container = try decoder.container(keyedBy: Keys.self)
        _ = try container.decode(SHA256Digest.self, forKey: .digest)
        _ = try container.decodeIfPresent([UnitContents].self, forKey: .contents)
    }
}
