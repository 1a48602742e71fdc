import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// A thief has everything that a controller holds: TLS key, database, the online keys (snapshot, timestamp, director).
/// He serves what he likes and says what he likes. Source: trust.md "What must hold" 2.
@Suite("Attack: the controller is fully taken")
struct TakenControllerTests {
    @Test(
        "Nothing unapproved is installed, nothing below the floor, nothing of another environment or product",
        arguments: [TestProfile.team, TestProfile.regulated])
    func taken(profile: TestProfile) throws {
        let (authorised, refusals) = try Self.attacks(profile)
        for release in authorised { #expect(Self.isHarmless(release), "\(release)") }
        // The thief can order what is approved, and meets many different walls.
        #expect(!authorised.isEmpty)
        #expect(refusals.count >= 6, "\(refusals)")
    }

    @Test(
        "The thief of that test would get through if a check were missing",
        arguments: [TrustCheck.floor, .notWithdrawn, .threshold, .sameManifest])
    func getsThrough(check: TrustCheck) throws {
        try TrustCheck.$removed.withValue(check) {
            let (authorised, _) = try Self.attacks(.team)
            #expect(authorised.contains { !Self.isHarmless($0) })
        }
    }

    /// What four hundred random acts of the thief bring.
    private static func attacks(_ profile: TestProfile) throws -> ([AuthorisedRelease], refusals: Set<String>) {
        let (states, host) = try Self.history(profile)
        var chance = Chance(seed: 41)
        var (authorised, refusals) = ([AuthorisedRelease](), Set<String>())
        for _ in 0..<400 {
            var thief = Thief(states: states, chance: chance)
            var victim = host
            do { authorised.append(try thief.attack(&victim)) } catch let error as TrustError {
                refusals.insert(error.code)
            } catch is TestFailure {}
            chance = thief.chance
        }
        return (authorised, refusals)
    }

    /// What approvers of staging said, and nothing else: 1.2, as it was approved.
    private static func isHarmless(_ release: AuthorisedRelease) -> Bool {
        release.assignment.release == TestRepository.release("1.2")
            && release.assignment.environment == TestRepository.staging
            && release.target.path == TestRepository.path("1.2")
            && release.target.sha256 == TestRepository.manifest("1.2")
    }

    /// Staging approved 1.0, 1.1 and 1.2, withdrew 1.1 and raised its floor to 1.1; production approved 2.0.
    private static func history(_ profile: TestProfile) throws -> (states: [TestRepository], TestHost) {
        var repository = try profile.repository()
        var states: [TestRepository] = []
        for version in ["1.0", "1.1", "1.2"] {
            repository.now = repository.now + .minutes(1)
            try repository.approve(version)
            states.append(repository)
        }
        repository.now = repository.now + .minutes(1)
        try repository.approve("2.0", in: .environment(TestRepository.production))
        states.append(repository)
        try repository.rewrite { draft in
            try draft.writeRole("staging-web") { signed in
                signed.edit("x-slipway") { own in
                    own.set("floor", .string("1.1"))
                    own.set("withdrawn", .array([.string(TestRepository.manifest("1.1").hex)]))
                }
            }
        }
        states.append(repository)
        var host = try TestHost(of: repository)
        try host.refresh(from: repository, targets: [TestRepository.path("1.2")])
        return (states, host)
    }

    private struct Thief {
        let states: [TestRepository]
        var chance: Chance
        /// What was forged into the role, to be ordered.
        private var planted: String?

        init(states: [TestRepository], chance: Chance) {
            self.states = states
            self.chance = chance
        }

        mutating func attack(_ host: inout TestHost) throws -> AuthorisedRelease {
            var server = states[states.count - 1]
            if chance.next() % 2 == 0 { try mix(&server) }
            if chance.next() % 2 == 0 { try forge(&server) }
            let director = try order()
            let now = server.now + .minutes(5)
            let environment = TestRepository.staging
            let trusted = try host.refresh(from: server, at: now, targets: [director.assignment.targetPath])
            let verified = try director.verify(with: trusted, environment: environment, at: now)
            return try trusted.authorise(verified, at: now)
        }

        private mutating func one<Value>(of values: [Value]) -> Value {
            values[Int(chance.next() % UInt64(values.count))]
        }

        /// Files of other states of the repository, under their old names and under new ones.
        private mutating func mix(_ server: inout TestRepository) throws {
            let old = one(of: states)
            for role in ["targets", "staging-web", "production-web", "snapshot", "timestamp"]
            where chance.next() % 3 == 0 {
                server.served[server.fileName(of: role)] = old.served[old.fileName(of: role)]
            }
        }

        /// With the online keys: any reference, and any content that these keys can sign.
        private mutating func forge(_ server: inout TestRepository) throws {
            let role = one(of: ["targets", "staging-web", "staging-web", "production-web"])
            let keys = server.keys.snapshot + server.keys.timestamp + server.keys.director
            let old = one(of: states)
            let bytes = chance.next() % 2 == 0 ? old.served[old.fileName(of: role)] : nil
            if let bytes { server.served[server.fileName(of: role)] = bytes }
            let evil = TestRepository.manifest("6.6").hex
            if bytes == nil, server.served[server.fileName(of: role)] != nil {
                let version = one(of: ["6.6", "1.2", "1.0"])
                let path = TestRepository.path(version)
                planted = version
                try server.forge(role, by: chance.next() % 2 == 0 ? keys : nil) { signed in
                    signed.edit("targets", path, "hashes") { $0.set("sha256", .string(evil)) }
                    signed.edit("targets", path) { $0.set("length", .integer(20)) }
                }
            }
            guard server.served[server.fileName(of: role)] != nil else { return }
            let version = Int64(chance.next() % 3)
            try server.rewriteOnline(role: role, versionsAhead: version)
        }

        private mutating func order() throws -> TestDirector {
            if let planted, chance.next() % 2 == 0 {
                var director = try TestDirector(planted)
                director.keys = TestProfile.team.keys.director + TestProfile.regulated.keys.director
                director.assignment.manifest = TestRepository.manifest("6.6")
                return director
            }
            let version = one(of: ["1.0", "1.1", "1.2", "1.2", "2.0", "6.6"])
            let place = one(of: [
                ApprovalPlace.environment(TestRepository.staging), .environment(TestRepository.staging),
                .environment(TestRepository.production), .emergency,
            ])
            var director = try TestDirector(version, place: place)
            director.keys = TestProfile.team.keys.director + TestProfile.regulated.keys.director
            director.assignment.environment = one(of: [
                TestRepository.staging, TestRepository.staging, TestRepository.staging, TestRepository.production,
            ])
            director.assignment.manifest = TestRepository.manifest(one(of: [version, version, version, "6.6", "1.2"]))
            if chance.next() % 8 == 0 { director.assignment.targetPath = TestRepository.path("1.2") }
            return director
        }
    }
}

extension TestRepository {
    /// The thief's next snapshot and timestamp, which name the file that is served for a role.
    fileprivate mutating func rewriteOnline(role: String, versionsAhead: Int64) throws {
        let file = Forgery.reference(try #require(served[fileName(of: role)]))
        let raise: (inout JSONValue) -> Void = { $0 = .integer(($0.integerValue ?? 0) + 1 + versionsAhead) }
        let snapshot = try Forgery.edit(try #require(served[fileName(of: "snapshot")]), by: keys.snapshot) { signed in
            signed.edit("version", by: raise)
            signed.edit("meta") { $0.set("\(role).json", file) }
        }
        let reference = Forgery.reference(snapshot)
        served["\(reference["version"]?.integerValue ?? 0).snapshot.json"] = snapshot
        served[MetadataFile.name(role: role, version: file["version"]?.integerValue ?? 0)] = served[fileName(of: role)]
        try forge("timestamp", by: keys.timestamp) { signed in
            signed.edit("version", by: raise)
            signed.edit("meta") { $0.set("snapshot.json", reference) }
        }
    }
}
