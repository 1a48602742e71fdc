import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// The folder of a controller of before the last migration, as its own programs wrote it, in `Previous/`: the files one after
/// another, the record as SQL that makes it anew.
@Suite("A record that an older controller left")
struct PreviousStoreTests {
    private struct Left {
        let place: StorePlace
        let text: String
        /// What `slipway audit verify` of that time said.
        let sequence: Int64
        let digest: String

        /// Puts all of it where it was.
        init(_ kind: StorePlace.Kind) throws {
            place = try StorePlace(kind)
            let here = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Previous"
            let name = kind == .sqlite ? "insecure-test-sqlite.txt" : "insecure-test-postgres.txt"
            let bytes = try Directory.open(here).read(name, sizeMax: ByteCount(1 << 20))
            text = String(decoding: bytes, as: UTF8.self)
            var parts = ("\n" + text).split(separator: "\n== ")
            let words = parts.removeFirst().split(whereSeparator: \.isWhitespace).suffix(2)
            sequence = try #require(words.first.flatMap { Int64($0) })
            digest = String(try #require(words.last))
            let folder = try Directory.open(place.folder.path)
            for part in parts {
                let end = try #require(part.firstIndex(of: "\n"))
                let content = String(part[part.index(after: end)...])
                guard part[..<end] != "events.sql" else {
                    try place.meddle(content)
                    continue
                }
                let path = String(part[..<end])
                var above = folder
                for name in path.split(separator: "/").dropLast() { above = try above.createDirectory(String(name)) }
                try folder.writeDurably(path, Array(content.utf8), mode: 0o600)
            }
            guard kind == .postgresql else { return }
            var configuration = try made.json(
                ControllerConfiguration.self, ControllerDirectory.configurationName)
            configuration.database = place.address
            try made.write(ControllerDirectory.configurationName, json: configuration)
        }

        private var made: ControllerDirectory { get throws { try ControllerDirectory.open(place.folder.path) } }

        /// Of the request that was kept.
        var request: SHA256Digest {
            get throws {
                let values = try #require(text.split(separator: "requests VALUES ('").dropFirst().first)
                return try SHA256Digest(hex: String(values.prefix(64)))
            }
        }
    }

    @Test(
        "This controller migrates it; its chain is whole, all that it held is there, and it goes on",
        arguments: StorePlace.Kind.installed)
    func opened(_ kind: StorePlace.Kind) async throws {
        let left = try Left(kind)
        // Made again with a newer one the day that it is not older any more.
        let newest = (kind == .sqlite ? SQLiteStore.migrations : PostgresStore.migrations).last
        #expect(!left.text.contains(try #require(newest).name))
        // A day on which its certificates and metadata are good.
        let time = ManualTime(now: try UTCInstant("2026-11-24T00:00:00Z"))
        let mine = KeptRequest(
            key: SHA256Digest(of: Array("mine".utf8)), person: "person:ann", digest: SHA256Digest(of: []),
            at: time.now(), answer: [1, 2, 3])
        var end = left.sequence
        for round in 1...2 {
            let controller = try Controller(directory: left.place.folder.path, time: time)
            try await controller.resume()
            let head = try await controller.store.verifiedHead()
            let old = try await controller.store.entries(after: left.sequence - 1, limit: 1)
            #expect(try await chain(controller, through: left.sequence) == left.digest)
            #expect(old.first?.action == "grant.added" && head.sequence >= end)

            let host = try #require(await controller.hostViews().first)
            #expect(host.products.first?.running?.text == "2.0" && host.environment.text == "staging")
            #expect(await controller.releaseViews().map { "\($0.release)" } == ["site@2.0", "site@1.0"])
            let rollouts = await controller.rolloutViews()
            #expect(rollouts.map(\.state) == [.succeeded, .succeeded])
            #expect(try await controller.rolloutView(rollouts[0].id).hosts.first?.outcome == .succeeded)
            let grants = await controller.state.people.grants.values.map { "\($0.person) \($0.grant.set)" }
            #expect(grants == ["ann viewer"])

            // Kept before anybody asked whose it is.
            let request = try #require(try await controller.store.request(left.request))
            #expect(request.person.isEmpty && String(decoding: request.answer ?? [], as: UTF8.self).contains("ann"))
            if round == 1 {
                try await controller.store.keep(mine)
                try await controller.commit(.profileChosen(ProfileChosen(profile: "solo")), by: "test", at: time.now())
                end = await controller.store.sequence
            }
            #expect(try await controller.store.request(mine.key) == mine)
            await controller.close()
        }
    }

    /// What the chain is at, so far.
    private func chain(_ controller: Controller, through sequence: Int64) async throws -> String {
        var head = EventHead.empty
        for line in try await controller.store.lines(after: 0, limit: Int(sequence)) {
            head = try head.reading(sequence: line.sequence, line.bytes).head
        }
        return head.digest.hex
    }
}
