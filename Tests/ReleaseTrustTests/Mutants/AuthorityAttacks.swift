import ReleaseDefinition
import Testing

@testable import ReleaseTrust

extension Attack {
    static let authorities: [Attack] = [
        Attack(.directorSigned, "an assignment of a stranger's", "trust.envelope.signatures") {
            var director = try TestDirector()
            director.keys = [TestKeys.key("stranger")]
            _ = try director.authorise(with: trusted())
        },
        Attack(.payloadType, "another document that the director signed", "trust.envelope.type") {
            let director = try TestDirector()
            let payload = try JSONCoding.canonicalBytes(of: director.assignment)
            let envelope = try DSSEEnvelope.sign(payload, type: "application/vnd.other+json", keys: director.keys)
            _ = try trusted().verify(
                assignment: envelope.json, for: TestHost.id, environment: TestRepository.staging,
                at: TestRepository.start)
        },
        Attack(.assignmentEnvironment, "an assignment of another environment", "trust.assignment.environment") {
            _ = try TestDirector().verify(with: trusted(), environment: TestRepository.production)
        },
        Attack(.assignmentPath, "a target that is another release's", "trust.assignment.targetPath") {
            var director = try TestDirector()
            director.assignment.targetPath = TestRepository.path("1.1")
            _ = try director.verify(with: trusted())
        },
        Attack(.assignmentUnexpired, "an expired assignment", "trust.assignment.expired") {
            _ = try TestDirector().authorise(with: trusted(), at: TestRepository.start + .hours(3))
        },
        Attack(.assignmentCounter, "an assignment that is replayed", "trust.assignment.replayed") {
            _ = try TestDirector().verify(with: trusted(), highestCounter: 42)
        },
        Attack(.assignmentEarly, "an assignment before its time", "trust.assignment.early") {
            var director = try TestDirector()
            director.assignment.notBefore = TestRepository.start + .hours(1)
            _ = try director.verify(with: trusted())
        },
        Attack(.assignmentAudience, "an assignment for another host", "trust.assignment.notAddressed") {
            var director = try TestDirector()
            director.assignment.audience = .host(try HostID("web-2"))
            _ = try director.verify(with: trusted())
        },
        Attack(.labelsAudience, "labels of another host", "trust.labels.notAddressed") {
            let word = LabelWord(
                host: try HostID("web-2"), environment: TestRepository.staging, labels: ["zone": "b"], counter: 1)
            let envelope = try DSSEEnvelope.sign(
                JSONCoding.canonicalBytes(of: word), type: LabelWord.payloadType, keys: TestKeys.solo.director)
            _ = try trusted().verify(labels: envelope.json, for: TestHost.id, environment: TestRepository.staging)
        },
        Attack(.sameManifest, "a manifest that approvers did not sign", "trust.release.mismatch") {
            var director = try TestDirector()
            director.assignment.manifest = TestRepository.manifest("6.6")
            _ = try director.authorise(with: trusted())
        },
        Attack(.productRole, "an approval by the role above", "trust.release.role") {
            var attack = try TestRepository()
            let path = TestRepository.path("1.0")
            let target = attack.state.roles["staging-web"]?["signed"]?["targets"]?[path]
            try attack.forgeThrough("targets", by: attack.keys.targets) { signed in
                signed.edit("targets") { $0.set(path, target ?? .null) }
            }
            _ = try TestDirector().authorise(with: trusted(attack))
        },
        Attack(.notRevoked, "a release that the director revoked", "trust.release.revoked") {
            _ = try TestDirector().authorise(with: trusted(), revoked: [TestRepository.manifest("1.0")])
        },
        Attack(.notWithdrawn, "a release that approvers withdrew", "trust.release.withdrawn") {
            let digest = TestRepository.manifest("1.0").hex
            _ = try TestDirector().authorise(
                with: trusted(try roleSays { $0.set("withdrawn", .array([.string(digest)])) }))
        },
        Attack(.floor, "a release below the floor", "trust.release.belowFloor") {
            _ = try TestDirector().authorise(with: trusted(try roleSays { $0.set("floor", .string("1.1")) }))
        },
        Attack(.hotFixEnds, "a hot fix after its time", "trust.release.expired") {
            var repository = try TestRepository()
            try repository.approve("1.0.1", in: .emergency, notAfter: TestRepository.start + .hours(1))
            let director = try TestDirector("1.0.1", place: .emergency)
            _ = try director.authorise(
                with: trusted(repository, director.assignment.targetPath), at: TestRepository.start + .hours(1))
        },
    ]

    private static func trusted(
        _ repository: TestRepository? = nil, _ path: String = TestRepository.path("1.0")
    ) throws -> TrustedMetadata {
        let repository = try repository ?? TestRepository()
        var host = try TestHost(of: repository)
        return try host.refresh(from: repository, targets: [path])
    }

    /// What approvers say of the product in their role.
    private static func roleSays(_ edit: (inout JSONValue) -> Void) throws -> TestRepository {
        var repository = try TestRepository()
        try repository.forgeThrough("staging-web", by: repository.keys.approvers) { $0.edit("x-slipway", by: edit) }
        return repository
    }
}
