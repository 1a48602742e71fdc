import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// A repository whose products are approved by two of three people; nobody else's keys are at hand.
private struct TeamRepository {
    static let people = ["alice", "bob", "carol"]
    let now = TestRepository.start
    var state: RepositoryState
    let online = RepositoryKeys(
        snapshot: TestKeys.solo.snapshot, timestamp: TestKeys.solo.timestamp, director: TestKeys.solo.director)

    static func holder(_ name: String) -> KeyHolder { KeyHolder(name: name, key: TestKeys.key(name).publicKey) }

    init(approvers: RoleSigners = RoleSigners(people.map(holder), threshold: 2)) throws {
        let solo = RepositorySetup(TestKeys.solo)
        let setup = RepositorySetup(
            root: RoleSigners([Self.holder("root-1"), Self.holder("root-2")]), targets: solo.targets,
            snapshot: solo.snapshot, timestamp: solo.timestamp, director: solo.director,
            products: ProductSigners(approvers: approvers, emergency: approvers))
        var keys = online
        (keys.root, keys.targets) = ([TestKeys.key("root-1")], TestKeys.solo.targets)
        state = try RepositoryWriter.create(
            setup, keys: keys, products: [TestRepository.product],
            environments: [TestRepository.staging, TestRepository.production], at: now
        ).state
    }

    func approval(_ version: String, in place: ApprovalPlace = .environment(TestRepository.staging)) -> RoleEdit {
        .approve(
            RoleEdit.ReleaseApproval(
                place: place, release: TestRepository.release(version), manifest: TestRepository.manifest(version),
                length: ByteCount(20)))
    }

    func propose(_ edits: RoleEdit...) throws -> RepositoryProposal {
        try #require(try RepositoryWriter.propose(edits, in: state, at: now))
    }

    mutating func publish(_ proposal: RepositoryProposal, by names: String...) throws {
        let signatures = try RepositoryWriter.sign(proposal, in: state, by: names.map(TestKeys.key))
        state = try RepositoryWriter.publish(proposal, signatures: signatures, to: state, keys: online, at: now).state
    }

    /// What an approver holds: verified from the root down.
    func trusted() throws -> TrustedMetadata {
        var files: [String: [UInt8]] = [:]
        for file in state.files { files[file.name] = file.bytes }
        let root = MetadataFile.name(role: "root", version: state.version(ofRole: "root"))
        var refresh = try MetadataRefresh(
            stored: ["root.json": try #require(files[root])], at: now, targets: [TestRepository.path("0")])
        while let request = refresh.nextRequest {
            if let bytes = files[request.fileName] {
                _ = try refresh.receive(bytes)
            } else {
                try refresh.receiveAbsent()
            }
        }
        return refresh.trusted
    }
}

@Suite("Proposals that several people sign")
struct ProposalTests {
    @Test("Two of three people publish a release; one is not enough, and one with two keys is still one")
    func twoOfThree() throws {
        var repository = try TeamRepository()
        let proposal = try repository.propose(repository.approval("1.0"))
        expectRefusal("trust.writer.keys") { try repository.publish(proposal, by: "alice") }
        try repository.publish(proposal, by: "alice", "carol")
        #expect(repository.state.version(ofRole: "staging-web") == 1)
        #expect(try repository.trusted().version(ofRole: "staging-web") == 1)

        // Alice's second key has her name: hosts would count it, those who collect signatures do not.
        let twice = RoleSigners([
            KeyHolder(name: "alice", key: TestKeys.key("alice").publicKey),
            KeyHolder(name: "Alice", key: TestKeys.key("bob").publicKey),
        ])
        #expect(throws: Never.self) { try twice.check("approvers") }
        let same = RoleSigners([
            TeamRepository.holder("alice"), KeyHolder(name: "alice", key: TestKeys.key("bob").publicKey),
        ])
        expectRefusal("trust.writer.keyTwice") { try same.check("approvers") }
    }

    @Test("Signatures on an earlier proposal, by strangers, or on other bytes count for nothing")
    func voided() throws {
        var repository = try TeamRepository()
        let old = try repository.propose(repository.approval("1.0"))
        let other = try repository.propose(repository.approval("2.0"))
        #expect(old.digest != other.digest)
        let signatures = try RepositoryWriter.sign(
            old, in: repository.state, by: ["alice", "bob", "mallory"].map(TestKeys.key))
        #expect(signatures.count == 2)
        let standing = try RepositoryWriter.standing(of: other, signatures: signatures, in: repository.state)
        #expect(standing.map(\.votes) == [0] && standing.map(\.isMet) == [false])
        try repository.publish(other, by: "alice", "bob")
        expectRefusal("trust.writer.stale") { try repository.publish(old, by: "alice", "bob") }
    }

    @Test(
        "A new root is signed by the old threshold and the new; new targets keys sign targets again in the same change")
    func rotation() throws {
        var repository = try TeamRepository()
        let signers = RoleSigners([TeamRepository.holder("root-3"), TeamRepository.holder("root-4")], threshold: 2)
        let root = try repository.propose(.topKeys(RoleEdit.TopKeys(root: signers)))
        expectRefusal("trust.writer.keys") { try repository.publish(root, by: "root-3", "root-4") }
        expectRefusal("trust.writer.keys") { try repository.publish(root, by: "root-1", "root-3") }
        try repository.publish(root, by: "root-1", "root-3", "root-4")
        let targets = try repository.propose(
            .topKeys(RoleEdit.TopKeys(targets: RoleSigners([TeamRepository.holder("keeper")]))))
        #expect(targets.roles == ["root", "targets"])
        expectRefusal("trust.writer.keys") { try repository.publish(targets, by: "root-3", "root-4", "targets") }
        try repository.publish(targets, by: "root-3", "root-4", "keeper")
        #expect(try repository.trusted().rootVersion == 3)
    }

    @Test("New approvers sign every role of theirs again, in the change that names them")
    func newApprovers() throws {
        var repository = try TeamRepository()
        try repository.publish(repository.propose(repository.approval("1.0")), by: "alice", "bob")
        let new = RoleSigners([TeamRepository.holder("dora"), TeamRepository.holder("emil")], threshold: 2)
        let proposal = try repository.propose(.delegatedKeys(RoleEdit.DelegatedKeys(approvers: new)))
        #expect(proposal.roles == ["targets", "staging-web"])
        expectRefusal("trust.writer.keys") { try repository.publish(proposal, by: "targets", "alice", "bob") }
        try repository.publish(proposal, by: "targets", "dora", "emil")
        #expect(
            repository.state.approvedManifest(
                of: TestRepository.release("1.0"), in: .environment(TestRepository.staging)) != nil)
        #expect(try repository.trusted().version(ofRole: "staging-web") == 2)
    }

    @Test("New keys never leave a role behind that nobody believes; a repository that has one can be mended")
    func orphans() throws {
        var repository = try TeamRepository()
        let production = ApprovalPlace.environment(TestRepository.production)
        try repository.publish(repository.propose(repository.approval("1.0")), by: "alice", "bob")
        let new = RoleSigners([TeamRepository.holder("dora"), TeamRepository.holder("emil")], threshold: 2)
        let rotation = try repository.propose(.delegatedKeys(RoleEdit.DelegatedKeys(approvers: new)))
        var overtaken = repository
        try overtaken.publish(
            overtaken.propose(overtaken.approval("1.0", in: production)), by: "alice", "bob")
        expectRefusal("trust.writer.stale") { try overtaken.publish(rotation, by: "targets", "dora", "emil") }
        #expect(overtaken.state.refusals(at: overtaken.now).isEmpty)

        // As it came about before: the rotation took no notice of the other role.
        let sound = overtaken
        try repository.publish(rotation, by: "targets", "dora", "emil")
        repository.state.roles["production-web"] = sound.state.roles["production-web"]
        expectRefusal("trust.writer.refused") {
            try repository.state.requireSound(after: sound.state, at: repository.now)
        }
        let renewal = try repository.propose(.renew(role: "production-web"))
        try repository.publish(renewal, by: "dora", "emil")
        #expect(repository.state.refusals(at: repository.now).isEmpty)
    }
}

@Suite("What an approver is shown")
struct CandidateReviewTests {
    private let wanted: (place: ApprovalPlace, release: ReleaseName) = (
        .environment(TestRepository.staging), TestRepository.release("1.1")
    )

    private func base() throws -> TeamRepository {
        var repository = try TeamRepository()
        try repository.publish(repository.propose(repository.approval("1.0")), by: "alice", "bob")
        return repository
    }

    @Test("The one release that was asked for, and nothing beyond it")
    func honest() throws {
        let repository = try base()
        let candidate = try #require(try repository.propose(repository.approval("1.1")).candidates.first)
        let review = try repository.trusted().review(candidate, wanted: wanted)
        #expect(review.wanted?.release == wanted.release)
        #expect(review.wanted?.manifest == TestRepository.manifest("1.1"))
        #expect(review.beyond.isEmpty && review.from == 1 && review.to == 2)
        let renewal = try #require(try repository.propose(.renew(role: "staging-web")).candidates.first)
        #expect(try repository.trusted().review(renewal).isRenewal)
    }

    @Test(
        "Whatever else a candidate does is said",
        arguments: [
            Trick("another release", "ANOTHER release") { signed in
                signed.edit("targets") { targets in
                    let known = targets["staging/web/1.1/manifest.json"] ?? .null
                    targets.set("staging/web/6.6/manifest.json", known)
                }
            },
            Trick("a release of before means other bytes", "MEANS SOMETHING ELSE") { signed in
                signed.edit("targets", "staging/web/1.0/manifest.json", "length") { $0 = .integer(1) }
            },
            Trick("a release of before vanishes", "taken out") { signed in
                signed.edit("targets") { $0.removeMember("staging/web/1.0/manifest.json") }
            },
            Trick("a floor", "the floor goes from none to 0.1") {
                $0.edit("x-slipway", "floor") { $0 = .string("0.1") }
            },
            Trick("a withdrawal", "withdrawn for good") { signed in
                signed.edit("x-slipway", "withdrawn") { $0 = .array([.string(String(repeating: "a", count: 64))]) }
            },
            Trick("a skipped version", "the version goes from 1 to 9") { $0.edit("version") { $0 = .integer(9) } },
            Trick("a delegation of its own", "a new role evil may sign") { signed in
                signed.edit("delegations") { delegations in
                    delegations = .object([
                        JSONMember("keys", .object([])),
                        JSONMember(
                            "roles",
                            .array([
                                .object([
                                    JSONMember("name", .string("evil")), JSONMember("keyids", .array([])),
                                    JSONMember("threshold", .integer(1)), JSONMember("terminating", .bool(true)),
                                    JSONMember("paths", .array([.string("staging/web/*/*")])),
                                ])
                            ])),
                    ])
                }
            },
            Trick("a member that nobody knows", "\"note\" changes") { $0.set("note", .string("trust me")) },
            Trick("the target carries more", "members that nobody knows") { signed in
                signed.edit("targets", "staging/web/1.1/manifest.json") { $0.set("note", .string("x")) }
            },
        ])
    fileprivate func dishonest(_ trick: Trick) throws {
        let repository = try base()
        let honest = try #require(try repository.propose(repository.approval("1.1")).candidates.first)
        var signed = honest.signed
        trick.edit(&signed)
        let review = try repository.trusted().review(
            MetadataCandidate(role: honest.role, signed: signed), wanted: wanted)
        #expect(review.beyond.contains { $0.contains(trick.words) }, "\(review.beyond)")
    }

    @Test("New keys, lower thresholds and new delegations of targets are said, with the names that are trusted already")
    func keys() throws {
        let repository = try base()
        let new = RoleSigners([TeamRepository.holder("alice"), TeamRepository.holder("mallory")], threshold: 1)
        let proposal = try repository.propose(.delegatedKeys(RoleEdit.DelegatedKeys(approvers: new)))
        let review = try repository.trusted().review(try #require(proposal.candidates.first))
        #expect(review.beyond.contains { $0.contains("KEY ADDED to staging-web: a new key said to be mallory's") })
        #expect(review.beyond.contains { $0.contains("key taken from staging-web: bob (") })
        #expect(review.beyond.contains { $0 == "THRESHOLD of staging-web: 2 becomes 1" })
        #expect(!review.beyond.contains { $0.contains("ADDED to staging-web: alice") })
        let root = try repository.propose(.topKeys(RoleEdit.TopKeys(root: new)))
        let rootReview = try repository.trusted().review(try #require(root.candidates.first))
        #expect(rootReview.beyond.contains { $0.contains("KEY ADDED to root") })
    }
}

private struct Trick: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var words: String
    var edit: @Sendable (inout JSONValue) -> Void

    init(_ name: String, _ words: String, _ edit: @escaping @Sendable (inout JSONValue) -> Void) {
        (testDescription, self.words, self.edit) = (name, words, edit)
    }
}
