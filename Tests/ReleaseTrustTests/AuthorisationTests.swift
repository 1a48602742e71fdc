import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Both authorities")
struct AuthorisationTests {
    private func trusted(_ repository: TestRepository, _ paths: String...) throws -> TrustedMetadata {
        var host = try TestHost(of: repository)
        return try host.refresh(from: repository, targets: paths.isEmpty ? [TestRepository.path("1.0")] : paths)
    }

    @Test("A release that director and approvers name alike is authorised")
    func authorised() throws {
        let release = try TestDirector().authorise(with: trusted(TestRepository()))
        #expect(release.target.sha256 == TestRepository.manifest("1.0"))
        #expect(release.filePath == "staging/web/1.0/\(TestRepository.manifest("1.0")).manifest.json")
        try release.target.requireMatch(TestRepository.manifest)
        expectRefusal("trust.target.length") { try release.target.requireMatch(TestRepository.manifest + [0]) }
        expectRefusal("trust.target.hash") {
            try release.target.requireMatch([0] + TestRepository.manifest.dropFirst())
        }
    }

    @Test("A stolen director cannot name what approvers did not sign")
    func stolenDirector() throws {
        let repository = try TestRepository()
        var unknown = try TestDirector("6.6")
        expectRefusal("trust.release.notApproved") {
            try unknown.authorise(with: try trusted(repository, TestRepository.path("6.6")))
        }
        unknown = try TestDirector()
        unknown.assignment.manifest = TestRepository.manifest("6.6")
        expectRefusal("trust.release.mismatch") { try unknown.authorise(with: try trusted(repository)) }
    }

    @Test("What staging approved is nothing to production")
    func otherEnvironment() throws {
        let place = ApprovalPlace.environment(TestRepository.production)
        var repository = try TestRepository()
        var director = try TestDirector("1.0", place: place)
        director.assignment.environment = TestRepository.production
        let path = TestRepository.path("1.0", place)
        let now = TestRepository.start
        func authorise() throws -> AuthorisedRelease {
            let trusted = try trusted(repository, path)
            return try trusted.authorise(
                try director.verify(with: trusted, environment: TestRepository.production), at: now)
        }
        expectRefusal("trust.release.notApproved") { try authorise() }
        // Promotion: the same bytes in the other role.
        try repository.approve("1.0", in: place)
        #expect(try authorise().target.sha256 == TestRepository.manifest("1.0"))
    }

    @Test("Staging's approver cannot list a target of production, nor of another product")
    func outsidePaths() throws {
        var attack = try TestRepository()
        let path = TestRepository.path("6.6", .environment(TestRepository.production))
        try attack.forgeThrough("staging-web", by: attack.keys.approvers) { signed in
            signed.edit("targets") { $0.set(path, $0[TestRepository.path("1.0")] ?? .null) }
        }
        #expect(try trusted(attack, path).target(path) == nil)
    }

    @Test("Only the product's own role approves it, not the role above")
    func wrongRole() throws {
        var attack = try TestRepository()
        let target = attack.state.roles["staging-web"]?["signed"]?["targets"]?[TestRepository.path("1.0")]
        try attack.forgeThrough("targets", by: attack.keys.targets) { signed in
            signed.edit("targets") { $0.set(TestRepository.path("1.0"), target ?? .null) }
        }
        expectRefusal("trust.release.role") { try TestDirector().authorise(with: try trusted(attack)) }
    }

    @Test("What the director revoked is not installed, be it revoked now or earlier")
    func revoked() throws {
        let trusted = try trusted(TestRepository())
        let director = try TestDirector()
        expectRefusal("trust.release.revoked") {
            try director.authorise(with: trusted, revoked: [TestRepository.manifest("1.0")])
        }
        var revoking = director
        revoking.assignment.revoked = [TestRepository.manifest("1.0")]
        expectRefusal("trust.release.revoked") { try revoking.authorise(with: trusted) }
    }

    @Test("What approvers withdrew stays withdrawn, whatever the director says, and cannot be approved again")
    func withdrawn() throws {
        var repository = try TestRepository()
        repository.apply(
            try RepositoryWriter.withdraw(
                TestRepository.release("1.0"), manifest: TestRepository.manifest("1.0"),
                in: .environment(TestRepository.staging), from: repository.state, keys: repository.keys,
                at: repository.now))
        expectRefusal("trust.release.withdrawn") { try TestDirector().authorise(with: try trusted(repository)) }
        expectRefusal("trust.writer.withdrawn") { try repository.approve("1.0") }
        // Listed again by hand, it is still withdrawn.
        let target = try TestRepository().state.roles["staging-web"]?["signed"]?["targets"]?[TestRepository.path("1.0")]
        try repository.forgeThrough("staging-web", by: repository.keys.approvers) { signed in
            signed.edit("targets") { $0.set(TestRepository.path("1.0"), target ?? .null) }
        }
        expectRefusal("trust.release.withdrawn") { try TestDirector().authorise(with: try trusted(repository)) }
    }

    @Test("Nothing below the floor is installed")
    func floor() throws {
        var repository = try TestRepository()
        try repository.approve("1.1")
        repository.apply(
            try RepositoryWriter.setFloor(
                TestRepository.release("1.1"), in: .environment(TestRepository.staging), of: repository.state,
                keys: repository.keys, at: repository.now))
        expectRefusal("trust.release.belowFloor") { try TestDirector().authorise(with: try trusted(repository)) }
        _ = try TestDirector("1.1").authorise(with: try trusted(repository, TestRepository.path("1.1")))
    }

    @Test("A hot fix needs the emergency role, and ends at its own time")
    func emergency() throws {
        var repository = try TestRepository()
        let end = TestRepository.start + .hours(1)
        try repository.approve("1.0.1", in: .emergency, notAfter: end)
        let path = TestRepository.path("1.0.1", .emergency)
        let director = try TestDirector("1.0.1", place: .emergency)
        let trusted = try trusted(repository, path)
        #expect(director.assignment.isEmergency)
        #expect(try director.authorise(with: trusted).target.path == path)
        expectRefusal("trust.release.expired") { try director.authorise(with: trusted, at: end) }
        // The normal approver cannot sign for it.
        var attack = repository
        try attack.forgeThrough("emergency-web", by: attack.keys.approvers) { _ in }
        var host = try TestHost(of: attack)
        #expect(throws: (any Error).self) { try host.refresh(from: attack, targets: [path]).requireTargets([path]) }
    }

    @Test("An expired emergency role blocks no normal release")
    func expiredEmergency() throws {
        var repository = try TestRepository()
        try repository.forgeThrough("emergency-web", by: repository.keys.emergency) { signed in
            signed.set("expires", .string("2026-11-19T00:00:00Z"))
        }
        _ = try TestDirector().authorise(with: try trusted(repository))
    }

    @Test(
        "Metadata that expired since it was read blocks an installation",
        arguments: ["root", "timestamp", "snapshot", "targets", "staging-web"])
    func expiredSince(role: String) throws {
        var repository = try TestRepository()
        let expiry = TestRepository.start + .hours(1)
        let key = TestKeys.key(role == "staging-web" ? "approver" : role)
        switch role {
        case "root", "timestamp": try repository.forge(role, by: [key]) { $0.set("expires", .string("\(expiry)")) }
        default: try repository.forgeThrough(role, by: [key]) { $0.set("expires", .string("\(expiry)")) }
        }
        let trusted = try trusted(repository)
        let director = try TestDirector()
        _ = try director.authorise(with: trusted, at: expiry - .seconds(1))
        expectRefusal("trust.\(role == "staging-web" ? "role" : role).expired") {
            try director.authorise(with: trusted, at: expiry)
        }
    }

    @Test("An assignment that expired since it was verified authorises nothing")
    func assignmentExpiredSince() throws {
        let trusted = try trusted(TestRepository())
        let director = try TestDirector()
        let verified = try director.verify(with: trusted)
        expectRefusal("trust.assignment.expired") {
            try trusted.authorise(verified, at: director.assignment.expiresAt)
        }
    }

    @Test("A role that the newest snapshot no longer names as it is authorises nothing")
    func replacedSince() throws {
        var repository = try TestRepository()
        var trusted = try trusted(repository)
        repository.apply(
            try RepositoryWriter.withdraw(
                TestRepository.release("1.0"), manifest: TestRepository.manifest("1.0"),
                in: .environment(TestRepository.staging), from: repository.state, keys: repository.keys,
                at: repository.now))
        try trusted.updateTimestamp(repository.timestamp)
        try trusted.updateSnapshot(try #require(repository.served[repository.fileName(of: "snapshot")]))
        expectRefusal("trust.order") { try TestDirector().authorise(with: trusted) }
    }

    @Test("A look-up that was not made is asked for, not guessed")
    func notRead() throws {
        let repository = try TestRepository()
        var host = try TestHost(of: repository)
        let trusted = try host.refresh(from: repository, targets: [])
        expectRefusal("trust.order") { try TestDirector().authorise(with: trusted) }
    }
}
