import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// Assignments as a director writes them.
struct TestDirector {
    var assignment: Assignment
    var keys = TestKeys.solo.director

    init(_ version: String = "1.0", place: ApprovalPlace = .environment(TestRepository.staging)) throws {
        assignment = Assignment(
            order: OrderID(rollout: try RolloutID("r-1"), action: .install), environment: TestRepository.staging,
            audience: .host(TestHost.id), release: TestRepository.release(version),
            manifest: TestRepository.manifest(version), targetPath: TestRepository.path(version, place), counter: 41,
            expiresAt: TestRepository.start + .hours(2))
    }

    func envelope() throws -> JSONValue { try assignment.signed(by: keys).json }

    func verify(
        with trusted: TrustedMetadata, environment: EnvironmentName = TestRepository.staging, highestCounter: Int64 = 0,
        at now: UTCInstant = TestRepository.start
    ) throws -> VerifiedAssignment {
        try trusted.verify(
            assignment: try envelope(), for: TestHost.id, environment: environment, highestCounter: highestCounter,
            at: now)
    }

    func authorise(
        with trusted: TrustedMetadata, revoked: Set<SHA256Digest> = [], at now: UTCInstant = TestRepository.start
    ) throws -> AuthorisedRelease {
        try trusted.authorise(try verify(with: trusted, at: now), revoked: revoked, at: now)
    }
}

@Suite("The director's word")
struct AssignmentTests {
    let repository: TestRepository
    let trusted: TrustedMetadata

    init() throws {
        repository = try TestRepository()
        var host = try TestHost(of: repository)
        trusted = try host.refresh(from: repository)
    }

    @Test("An assignment travels as DSSE and is verified for its host")
    func accepted() throws {
        let director = try TestDirector()
        #expect(try director.verify(with: trusted).assignment == director.assignment)
    }

    @Test("Labels are believed of the director alone, as labels, and only as many and such as there can be")
    func labels() throws {
        func verify(
            _ labels: [String: String], type: String = LabelWord.payloadType,
            by keys: [SigningKey] = TestKeys.solo.director
        ) throws -> VerifiedLabels {
            let word = LabelWord(
                host: TestHost.id, environment: TestRepository.staging, labels: labels, counter: 41)
            let envelope = try DSSEEnvelope.sign(JSONCoding.canonicalBytes(of: word), type: type, keys: keys)
            return try trusted.verify(labels: envelope.json, for: TestHost.id, environment: TestRepository.staging)
        }
        func refusal(_ body: () throws -> VerifiedLabels) -> String? {
            do { return try body().word.labels.description } catch { return (error as? TrustError)?.code }
        }
        let verified = try verify(["zone": "b"])
        #expect(verified.word.labels == ["zone": "b"] && verified.word.counter == 41)
        #expect(verified.director == TestKeys.solo.director.map(\.publicKey.keyID).sorted())
        #expect(refusal { try verify(["zone": "b"], type: Assignment.payloadType) } == "trust.envelope.type")
        #expect(refusal { try verify(["zone": "b"], by: TestKeys.solo.approvers) } == "trust.envelope.signatures")
        let many = Dictionary(uniqueKeysWithValues: (0...HostLabels.countMax).map { ("k\($0)", "v") })
        for labels in [["id": "web-2"], ["zone": ""], ["zo ne": "b"], ["zone": "$(b)"], many] {
            #expect(refusal { try verify(labels) } == "trust.labels.form")
        }
    }

    @Test("Its JSON is fixed: what one version writes the next one reads")
    func wireForm() throws {
        var assignment = try TestDirector().assignment
        assignment.audience = .channel(
            try ChannelName("staging.web"), bucketBound: 7, included: [TestHost.id], excluded: [])
        assignment.notBefore = TestRepository.start
        assignment.revoked = [SHA256Digest(of: [])]
        let text = String(decoding: try JSONCoding.canonicalBytes(of: assignment), as: UTF8.self)
        #expect(
            text
                == #"{"audience":{"channel":{"bucketBound":7,"excluded":[],"included":["web-1"],"name":"staging.web"}},"#
                + #""counter":41,"environment":"staging","expiresAt":"2026-11-20T10:00:00Z","#
                + #""manifest":"\#(TestRepository.manifest("1.0"))","notBefore":"2026-11-20T08:00:00Z","#
                + #""order":{"action":"install","attempt":1,"rollout":"r-1"},"release":"web@1.0","#
                + #""revoked":["\#(SHA256Digest(of: []))"],"targetPath":"staging/web/1.0/manifest.json"}"#)
        #expect(try Assignment(payload: Array(text.utf8)) == assignment)
        let digest = SHA256Digest(of: [])
        assignment.patches = [AssignedPatch(from: digest, to: digest, sha256: digest, length: ByteCount(5))]
        let listed = try JSONCoding.canonicalBytes(of: assignment)
        #expect(
            String(decoding: listed, as: UTF8.self).contains(
                #""patches":[{"from":"\#(digest)","length":5,"sha256":"\#(digest)","to":"\#(digest)"}]"#))
        #expect(try Assignment(payload: listed) == assignment)
        assignment.patches = nil
        assignment.audience = .host(TestHost.id)
        #expect(try JSONCoding.value(of: assignment)["audience"] == .object([JSONMember("host", .string("web-1"))]))
    }

    @Test("Patches are bounded in number and length; any other list is no assignment")
    func patches() throws {
        let digest = SHA256Digest(of: [])
        let patch = AssignedPatch(from: digest, to: digest, sha256: digest, length: ByteCount(5))
        var long = patch
        long.length = ByteCount(AssignedPatch.lengthMax.value + 1)
        var empty = patch
        empty.length = ByteCount(0)
        for patches in [Array(repeating: patch, count: AssignedPatch.countMax + 1), [long], [empty]] {
            var director = try TestDirector()
            director.assignment.patches = patches
            expectRefusal("trust.assignment.form") { try director.verify(with: trusted) }
        }
        var director = try TestDirector()
        director.assignment.patches = Array(repeating: patch, count: AssignedPatch.countMax)
        #expect(try director.verify(with: trusted).assignment.patches?.count == AssignedPatch.countMax)
    }

    @Test("A stranger, an approver, and the keys of the online roles are not heard as director")
    func strangers() throws {
        for name in ["stranger", "approver", "emergency", "timestamp", "snapshot", "root", "targets"] {
            var director = try TestDirector()
            director.keys = [TestKeys.key(name)]
            expectRefusal("trust.envelope.signatures") { try director.verify(with: trusted) }
        }
    }

    @Test("An assignment of another environment is refused, although it is genuine")
    func environment() throws {
        var director = try TestDirector()
        expectRefusal("trust.assignment.environment") {
            try director.verify(with: trusted, environment: TestRepository.production)
        }
        // It names staging and points at production's approval.
        director.assignment.targetPath = TestRepository.path("1.0", .environment(TestRepository.production))
        expectRefusal("trust.assignment.targetPath") { try director.verify(with: trusted) }
    }

    @Test(
        "A target that is not where this release is approved is refused",
        arguments: [
            "", "x", "staging/web/1.1/manifest.json", "staging/other/1.0/manifest.json",
            "staging/web/1.0/../1.0/manifest.json", "/staging/web/1.0/manifest.json",
        ])
    func targetPath(path: String) throws {
        var director = try TestDirector()
        director.assignment.targetPath = path
        expectRefusal("trust.assignment.targetPath") { try director.verify(with: trusted) }
    }

    @Test("An assignment for another host is refused, and what it revokes is heard all the same")
    func audience() throws {
        var director = try TestDirector()
        director.assignment.audience = .host(try HostID("web-2"))
        director.assignment.revoked = [TestRepository.manifest("0.9")]
        expectRefusal("trust.assignment.notAddressed") { try director.verify(with: trusted) }
        let revocations = try trusted.verifyRevocations(
            assignment: try director.envelope(), environment: TestRepository.staging, at: TestRepository.start)
        #expect(
            revocations.manifests == [TestRepository.manifest("0.9")] && revocations.product == TestRepository.product)
        director.keys = [TestKeys.key("stranger")]
        expectRefusal("trust.envelope.signatures") {
            try trusted.verifyRevocations(
                assignment: try director.envelope(), environment: TestRepository.staging, at: TestRepository.start)
        }
    }

    @Test("A channel reaches the buckets below its bound, whom it includes, and never whom it excludes")
    func channel() throws {
        var director = try TestDirector()
        let channel = try ChannelName("staging.web")
        let bucket = Int64(HostBucket(rollout: director.assignment.order.rollout, host: TestHost.id).value)
        let other = try HostID("web-9")
        let cases: [(Int64, [HostID], [HostID], Bool)] = [
            (bucket + 1, [], [], true), (bucket, [], [], false), (0, [TestHost.id], [], true), (0, [other], [], false),
            (HostBucket.everyoneBound, [], [], true), (HostBucket.everyoneBound, [], [TestHost.id], false),
            (HostBucket.everyoneBound, [TestHost.id], [TestHost.id], false), (-1, [], [], false),
        ]
        for (bound, included, excluded, isAddressed) in cases {
            director.assignment.audience = .channel(channel, bucketBound: bound, included: included, excluded: excluded)
            #expect(director.assignment.addresses(host: TestHost.id) == isAddressed)
            if isAddressed {
                _ = try director.verify(with: trusted)
            } else {
                expectRefusal("trust.assignment.notAddressed") { try director.verify(with: trusted) }
            }
        }
    }

    @Test("An old assignment is not replayed: the counter never falls; an equal one is the same word again")
    func replay() throws {
        let director = try TestDirector()
        _ = try director.verify(with: trusted, highestCounter: 41)
        expectRefusal("trust.assignment.replayed") { try director.verify(with: trusted, highestCounter: 42) }
        var negative = director
        negative.assignment.counter = -1
        expectRefusal("trust.assignment.form") { try negative.verify(with: trusted) }
    }

    @Test("An assignment is refused from its expiry on, and before its start")
    func time() throws {
        var director = try TestDirector()
        let expiry = director.assignment.expiresAt
        _ = try director.verify(with: trusted, at: expiry - .milliseconds(1))
        expectRefusal("trust.assignment.expired") { try director.verify(with: trusted, at: expiry) }
        director.assignment.notBefore = TestRepository.start + .minutes(5)
        expectRefusal("trust.assignment.early") { try director.verify(with: trusted) }
        _ = try director.verify(with: trusted, at: TestRepository.start + .minutes(5))
    }

    @Test("A payload that is no assignment is refused, though the director signed it")
    func form() throws {
        for text in ["", "{}", "[]", #"{"order":1}"#] {
            let envelope = try DSSEEnvelope.sign(
                Array(text.utf8), type: Assignment.payloadType, keys: TestKeys.solo.director)
            expectRefusal("trust.assignment.form") {
                try trusted.verify(
                    assignment: envelope.json, for: TestHost.id, environment: TestRepository.staging,
                    at: TestRepository.start)
            }
        }
    }

    @Test("Another kind of document that the director signed is not taken for an assignment")
    func type() throws {
        let payload = try JSONCoding.canonicalBytes(of: try TestDirector().assignment)
        let envelope = try DSSEEnvelope.sign(
            payload, type: "application/vnd.slipway.plan+json", keys: TestKeys.solo.director)
        expectRefusal("trust.envelope.type") {
            try trusted.verify(
                assignment: envelope.json, for: TestHost.id, environment: TestRepository.staging,
                at: TestRepository.start)
        }
    }

    @Test("Backing out needs no network and no fresh metadata; installing does")
    func offline() throws {
        var host = try TestHost(of: repository)
        try host.refresh(from: repository)
        let later = TestRepository.start + .days(400)
        let offline = try MetadataRefresh(stored: host.stored, at: later).trusted
        var director = try TestDirector()
        director.assignment.expiresAt = later + .hours(1)
        expectRefusal("trust.root.expired") { try director.authorise(with: offline, at: later) }
        director.assignment.order.action = .backOut
        #expect(try director.verify(with: offline, at: later).assignment.order.action == .backOut)
        expectRefusal("trust.assignment.action") { try director.authorise(with: offline, at: later) }
    }
}
