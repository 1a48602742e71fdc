import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// Approvers said something new, and a host is kept from hearing it: by whoever serves old files, or by a thief of the
/// online keys, who can sign that the old files are today's.
@Suite("A host that did not hear the newest word")
struct OldWordTests {
    /// 1.0 was approved; then 1.1 was, and nothing below it may be installed.
    private func floored() throws -> (old: TestRepository, new: TestRepository) {
        let old = try TestRepository()
        var new = old
        try new.approve("1.1")
        new.apply(
            try RepositoryWriter.setFloor(
                TestRepository.release("1.1"), in: .environment(TestRepository.staging), of: new.state, keys: new.keys,
                at: new.now))
        return (old, new)
    }

    private func withdrawn() throws -> (old: TestRepository, new: TestRepository) {
        let old = try TestRepository()
        var new = old
        new.apply(
            try RepositoryWriter.withdraw(
                TestRepository.release("1.0"), manifest: TestRepository.manifest("1.0"),
                in: .environment(TestRepository.staging), from: new.state, keys: new.keys, at: new.now))
        return (old, new)
    }

    /// The thief's snapshot and timestamp, of the versions after the newest, name the approvers' old file.
    private func presented(_ old: TestRepository, asNewerThan new: TestRepository, at now: UTCInstant) throws
        -> TestRepository
    {
        var attack = new
        attack.now = now
        try attack.rewrite { _ in }
        let name = old.fileName(of: "staging-web")
        attack.served[name] = old.served[name]
        let reference = Forgery.reference(try #require(old.served[name]))
        try attack.forgeThrough("snapshot", by: attack.keys.snapshot) { signed in
            signed.edit("meta") { $0.set("staging-web.json", reference) }
        }
        return attack
    }

    private func install(
        _ version: String, on host: inout TestHost, from repository: TestRepository, at now: UTCInstant
    ) throws {
        let path = TestRepository.path(version)
        var director = try TestDirector(version)
        director.assignment.expiresAt = now + .hours(1)
        let trusted = try host.refresh(from: repository, at: now, targets: [path])
        _ = try director.authorise(with: trusted, at: now)
    }

    @Test("A new host hears of the floor, and of what was withdrawn, before it installs anything")
    func firstContact() throws {
        for (repository, code) in [
            (try floored().new, "trust.release.belowFloor"), (try withdrawn().new, "trust.release.withdrawn"),
        ] {
            var host = try TestHost(of: repository)
            expectRefusal(code) { try install("1.0", on: &host, from: repository, at: TestRepository.start) }
        }
    }

    @Test(
        "A host that heard of the floor, or of a withdrawal, takes no older word, whoever signed that it is the newest")
    func heard() throws {
        for (old, new) in [try floored(), try withdrawn()] {
            var host = try TestHost(of: new)
            try host.refresh(from: new)
            let attack = try presented(old, asNewerThan: new, at: TestRepository.start)
            let before = host.stored
            expectRefusal("trust.snapshot.rollback") {
                try install("1.0", on: &host, from: attack, at: TestRepository.start)
            }
            #expect(host.stored["staging-web.json"] == before["staging-web.json"])
            #expect(host.stored["snapshot.json"] == before["snapshot.json"])
            // By itself, with no network, it still knows.
            let director = try TestDirector()
            let offline = try MetadataRefresh(stored: host.stored, at: TestRepository.start)
            #expect(throws: TrustError.self) { try director.authorise(with: offline.trusted) }
        }
    }

    @Test("Whoever serves old files alone is refused as soon as the timestamp expires, after a day")
    func frozen() throws {
        for (old, _) in [try floored(), try withdrawn()] {
            for hasHeard in [false, true] {
                var host = try TestHost(of: old)
                if hasHeard { try host.refresh(from: old) }
                let later = TestRepository.start + .days(1)
                expectRefusal("trust.timestamp.expired") { try install("1.0", on: &host, from: old, at: later) }
            }
        }
    }

    /// The limit that docs/threat-model.md states: nothing tells a host that never heard a word that there was one.
    @Test(
        "With the online keys and the director, a thief shows a new host the approvers' old word until it is 90 days old"
    )
    func newHostAndThief() throws {
        for (old, new) in [try floored(), try withdrawn()] {
            for (days, code) in [(89, nil), (90, "trust.role.expired")] as [(Int64, String?)] {
                let now = TestRepository.start + .days(days)
                let attack = try presented(old, asNewerThan: new, at: now)
                var host = try TestHost(of: old)
                guard let code else {
                    #expect(throws: Never.self) { try install("1.0", on: &host, from: attack, at: now) }
                    continue
                }
                expectRefusal(code) { try install("1.0", on: &host, from: attack, at: now) }
            }
            // What approvers never signed is out of reach all the same.
            var host = try TestHost(of: old)
            let attack = try presented(old, asNewerThan: new, at: TestRepository.start)
            expectRefusal("trust.release.notApproved") {
                try install("6.6", on: &host, from: attack, at: TestRepository.start)
            }
        }
    }
}
