import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// A change to signed metadata on its way: who wants what, and who has signed it.
struct ChangeRecord: Sendable {
    let id: String
    let edits: [RoleEdit]
    let reason: String
    let proposedAt: UTCInstant
    let proposedBy: String
    private(set) var proposal: RepositoryProposal?
    private(set) var signatures: [CandidateSignature] = []
    private(set) var state: MetadataChangeState
    private(set) var dropReason: String?

    init(_ event: ChangeProposed, at now: UTCInstant, by actor: String) {
        id = event.id
        edits = event.edits
        reason = event.reason
        proposedAt = now
        proposedBy = actor
        proposal = event.proposal
        state = event.proposal == nil ? .queued : .open
    }

    var isOpen: Bool { state == .open || state == .queued }

    /// What another change must not touch meanwhile.
    var roles: Set<String> { Set(proposal?.roles ?? edits.map(\.role)) }

    mutating func draft(_ new: RepositoryProposal) {
        proposal = new
        signatures = []
        state = .open
    }

    mutating func sign(_ event: ChangeSigned) {
        guard proposal?.digest == event.digest else { return }
        for signature in event.signatures where !signatures.contains(signature) { signatures.append(signature) }
    }

    mutating func publish() { state = .published }

    mutating func drop(_ reason: String) {
        state = .dropped
        dropReason = reason
    }

    /// The release whose approval it asks for, and where.
    var approval: RoleEdit.ReleaseApproval? {
        for case .approve(let approval) in edits { return approval }
        return nil
    }

    var withdrawal: RoleEdit.ReleaseWithdrawal? {
        for case .withdraw(let withdrawal) in edits { return withdrawal }
        return nil
    }

    /// For lists: the words of whoever proposes. An approver's tool reads the metadata itself.
    var summary: String { edits.map(\.words).joined(separator: "; ") }
}

extension RoleEdit {
    var words: String {
        switch self {
        case .approve(let it): "approve \(it.release) for \(it.place.word)"
        case .withdraw(let it): "withdraw \(it.release) in \(it.place.word) for good"
        case .floor(let place, let release): "nothing of \(release.product) below \(release.version) in \(place.word)"
        case .renew(let role): "renew \(role)"
        case .delegate(let product, let environments):
            "delegate \(product) in \(environments.map(\.text).joined(separator: ", "))"
        case .topKeys: "new keys of root, targets, snapshot or timestamp"
        case .delegatedKeys: "new keys of the director or of approvers"
        }
    }
}
