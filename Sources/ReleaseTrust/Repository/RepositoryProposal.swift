import ReleaseDefinition

/// The next version of a role's metadata, before anybody signed it. Its canonical bytes are what is signed.
public struct MetadataCandidate: Sendable, Codable {
    public let role: String
    public let signed: JSONValue

    public init(role: String, signed: JSONValue) {
        self.role = role
        self.signed = signed
    }

    public var digest: SHA256Digest { SHA256Digest(of: signed.canonicalBytes) }
    public var version: Int64 { signed["version"]?.integerValue ?? 0 }
    public var expires: String { signed["expires"]?.stringValue ?? "" }

    public func signature(by key: SigningKey) throws(TrustError) -> CandidateSignature {
        CandidateSignature(
            role: role, keyID: key.publicKey.keyID, signature: Hexadecimal.encode(try key.sign(signed.canonicalBytes)))
    }
}

/// One key's signature on one candidate: all that leaves a person's machine.
public struct CandidateSignature: Sendable, Hashable, Codable {
    public var role: String
    public var keyID: String
    /// Hexadecimal.
    public var signature: String

    public init(role: String, keyID: String, signature: String) {
        self.role = role
        self.keyID = keyID
        self.signature = signature
    }
}

/// Candidates that are published together or not at all, in this order: root, targets, products' roles.
public struct RepositoryProposal: Sendable, Codable {
    public let candidates: [MetadataCandidate]

    public init(candidates: [MetadataCandidate]) { self.candidates = candidates }

    /// Any edit to any candidate is another digest: what was signed for the old one counts for nothing.
    public var digest: SHA256Digest {
        SHA256Digest(of: Array(candidates.map { "\($0.role) \($0.digest.hex)\n" }.joined().utf8))
    }

    public var roles: [String] { candidates.map(\.role) }
}

/// How far the signatures of one delegator's keys on one candidate have come.
public struct SignatureStanding: Sendable, Equatable {
    public var role: String
    /// `root`, `targets`; for a new root both the old and the new one speak.
    public var delegator: String
    public var threshold: Int
    /// Key id and holder of each key that may sign.
    public var signers: [Signer]
    /// Those of them that did, with a signature that verifies.
    public var signed: [Signer]

    public struct Signer: Sendable, Hashable {
        public var keyID: String
        public var name: String
    }

    /// One person one vote, however many keys a person has.
    public var votes: Int { Set(signed.map { Array($0.name.utf8) }).count }
    public var isMet: Bool { votes >= threshold }
}

extension RepositoryWriter {
    /// What people must sign for the edits to come about; nil when nothing would change.
    /// - Parameter signers: of new products, where targets metadata names none yet.
    /// - Throws: `trust.writer.…` for an edit that is not possible.
    public static func propose(
        _ edits: [RoleEdit], in state: RepositoryState, signers: ProductSigners? = nil, at now: UTCInstant
    ) throws(TrustError) -> RepositoryProposal? {
        var draft = CandidateDraft(state, signers: signers, at: now)
        for edit in edits { try draft.add(edit) }
        return draft.candidates.isEmpty ? nil : RepositoryProposal(candidates: draft.candidates)
    }

    /// Signatures that the keys at hand can give.
    public static func sign(
        _ proposal: RepositoryProposal, in state: RepositoryState, by keys: [SigningKey]
    ) throws(TrustError) -> [CandidateSignature] {
        var signatures: [CandidateSignature] = []
        for (candidate, delegators) in try delegators(of: proposal, in: state) {
            let wanted = Set(delegators.flatMap { $0.keys.keys.keys })
            for key in keys where wanted.contains(key.publicKey.keyID) {
                let signature = try candidate.signature(by: key)
                if !signatures.contains(signature) { signatures.append(signature) }
            }
        }
        return signatures
    }

    /// Who has to sign what, and who has.
    public static func standing(
        of proposal: RepositoryProposal, signatures: [CandidateSignature], in state: RepositoryState
    ) throws(TrustError) -> [SignatureStanding] {
        var standings: [SignatureStanding] = []
        let names = state.holderNames(with: proposal)
        for (candidate, delegators) in try delegators(of: proposal, in: state) {
            let bytes = candidate.signed.canonicalBytes
            for delegator in delegators {
                let signers = delegator.keys.keys.keys.sorted().map {
                    SignatureStanding.Signer(keyID: $0, name: names[$0] ?? String($0.prefix(8)))
                }
                let signed = signers.filter { signer in
                    guard let key = delegator.keys.keys[signer.keyID] ?? nil else { return false }
                    return signatures.contains {
                        $0.role == candidate.role && $0.keyID == signer.keyID
                            && Hexadecimal.decode($0.signature).map { key.verify(signature: $0, over: bytes) } == true
                    }
                }
                standings.append(
                    SignatureStanding(
                        role: candidate.role, delegator: delegator.name, threshold: delegator.keys.threshold,
                        signers: signers, signed: signed))
            }
        }
        return standings
    }

    /// Publishes what enough people signed, under a new snapshot and timestamp. Needs these two keys.
    /// - Throws: `trust.writer.stale` when the repository has moved on, `trust.writer.keys`, `trust.writer.refused`.
    public static func publish(
        _ proposal: RepositoryProposal, signatures: [CandidateSignature], to state: RepositoryState,
        keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        var draft = RepositoryDraft(state, keys: keys, at: now)
        for (candidate, delegators) in try delegators(of: proposal, in: state) {
            try draft.write(candidate, signatures, delegators.map(\.keys))
        }
        let change = try draft.finish()
        try change.state.requireSound(after: state, at: now)
        return change
    }

    typealias Delegator = (name: String, keys: RoleKeys)

    /// Each candidate with those whose threshold it must meet. Later candidates are judged by the earlier ones.
    static func delegators(
        of proposal: RepositoryProposal, in state: RepositoryState
    ) throws(TrustError) -> [(MetadataCandidate, [Delegator])] {
        var state = state
        var result: [(MetadataCandidate, [Delegator])] = []
        for candidate in proposal.candidates {
            let held = state.version(ofRole: candidate.role)
            guard candidate.version == held + 1 else {
                throw .writer(
                    "stale", "version \(candidate.version) of \(candidate.role) was proposed, version \(held) is out",
                    remedy: "Propose the change anew: signatures on the old proposal count for nothing.")
            }
            if candidate.role == TargetsMetadata.name { try requireNoOrphan(candidate, of: proposal, in: state) }
            result.append((candidate, try delegators(of: candidate, in: state)))
            state.place(RepositoryDraft.envelope(candidate.signed, []), role: candidate.role)
        }
        return result
    }

    /// New keys of a role sign its file again in the same change. A role that got its first file after the change was
    /// drafted would be left without their signatures.
    private static func requireNoOrphan(
        _ candidate: MetadataCandidate, of proposal: RepositoryProposal, in state: RepositoryState
    ) throws(TrustError) {
        let bytes = RepositoryDraft.envelope(candidate.signed, []).canonicalBytes
        let new = try TargetsMetadata(parsing: bytes, role: TargetsMetadata.name)
        guard let role = try state.orphan(of: new, besides: proposal.roles) else { return }
        throw .writer(
            "stale", "\(role) was published after this change of its keys was drafted, and is not signed again in it",
            remedy: "Propose the change anew: signatures on the old proposal count for nothing.")
    }

    private static func delegators(
        of candidate: MetadataCandidate, in state: RepositoryState
    ) throws(TrustError) -> [Delegator] {
        switch candidate.role {
        case RootMetadata.name:
            let new = try RootMetadata(parsing: RepositoryDraft.envelope(candidate.signed, []).canonicalBytes)
            guard candidate.version > 1 else { return [("the new root", new.keys(of: .root))] }
            let old = try RootMetadata(parsing: state.root.canonicalBytes)
            return [("the root in force", old.keys(of: .root)), ("the new root", new.keys(of: .root))]
        case TargetsMetadata.name:
            return [("root", try RootMetadata(parsing: state.root.canonicalBytes).keys(of: .targets))]
        default:
            let targets = try TargetsMetadata(parsing: state.targets.canonicalBytes, role: TargetsMetadata.name)
            guard let role = targets.delegations?.role(named: candidate.role) else { throw .noRole(candidate.role) }
            return [("targets", role.keys)]
        }
    }
}

extension RepositoryState {
    /// Who approves the releases of new products, as top-level targets say it.
    public var signers: ProductSigners? { Self.signers(in: targets["signed"]) }

    /// Who holds which key, as root and targets say it: under the signatures of their keys.
    public var holderNames: [String: String] { Self.holderNames(root: root["signed"], targets: targets["signed"]) }

    func holderNames(with proposal: RepositoryProposal) -> [String: String] {
        func signed(_ role: String) -> JSONValue? { proposal.candidates.first { $0.role == role }?.signed }
        return holderNames.merging(
            Self.holderNames(root: signed(RootMetadata.name), targets: signed(TargetsMetadata.name))
        ) { $1 }
    }

    static func signers(in targets: JSONValue?) -> ProductSigners? {
        (targets?["x-slipway"]?["signers"]).flatMap { try? JSONCoding.decode(ProductSigners.self, from: $0) }
    }

    static func holderNames(root: JSONValue?, targets: JSONValue?) -> [String: String] {
        var names: [String: String] = [:]
        for member in root?["x-slipway"]?["holders"]?.objectValue ?? [] {
            names[member.name] = member.value.stringValue
        }
        if let signers = signers(in: targets) {
            for holder in signers.approvers.holders + signers.emergency.holders {
                names[holder.key.keyID] = holder.name
            }
        }
        return names
    }

    func envelope(ofRole role: String) -> JSONValue? {
        switch role {
        case RootMetadata.name: root
        case TargetsMetadata.name: targets
        default: roles[role]
        }
    }

    /// 0 for a role that has none yet.
    public func version(ofRole role: String) -> Int64 {
        envelope(ofRole: role)?["signed"]?["version"]?.integerValue ?? 0
    }

    mutating func place(_ envelope: JSONValue, role: String) {
        switch role {
        case RootMetadata.name: root = envelope
        case TargetsMetadata.name: targets = envelope
        default: roles[role] = envelope
        }
    }
}
