import ControllerAPI
import Effects
import Glibc
import Hummingbird
import NIOCore
import NIOPosix
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Requests with a key, whatever happens between them")
struct KeptRequestTests {
    private typealias Answer = Effects.HTTPResponse

    private static let body = Array(#"{"person":"admin","set":"viewer"}"#.utf8)

    private static func grant(
        _ client: TestClient, key: String = "one", bytes: [UInt8] = body
    ) async throws -> Answer {
        try await client.send("POST", "/v1/grants", headers: [HTTPField(IdempotencyKeys.header, key)], bytes: bytes)
    }

    private static func grants(_ client: TestClient) async throws -> Int {
        try await client.send("GET", "/v1/grants").json(ListView<GrantView>.self).items.count
    }

    @Test("A request with a key that was answered before the controller was killed is not done again after it")
    func killed() async throws {
        let test = try TestController()
        var (answers, counts) = ([Answer](), [Int]())
        for _ in 0..<2 {
            let controller = try RealController(folder: test.folder.path)
            try await eventually { controller.port != nil || controller.isOver }
            let client = try TestClient(
                test, port: try #require(controller.port, "\(controller.log)"), token: test.adminToken)
            answers.append(try await Self.grant(client))
            counts.append(try await Self.grants(client))
            let other = try await Self.grant(client, bytes: Array(#"{"person":"admin","set":"builder"}"#.utf8))
            #expect(other.status == 422 && other.problemCode == "controller.request.idempotencyKey")
            controller.send(SIGKILL)
            _ = try await controller.end()
            await client.close()
        }
        #expect(answers.map(\.status) == [201, 201])
        #expect(answers[0].body == answers[1].body)
        #expect(answers[0].head["Content-Type"] == answers[1].head["Content-Type"])
        #expect(counts[0] == counts[1])
    }

    @Test("One that was killed after it was done and before it was answered is not done again, and says what to do")
    func unanswered() async throws {
        let test = try TestController()
        let before = try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await Self.grant(client).status == 201)
            let count = try await Self.grants(client)
            await client.close()
            return count
        }
        // What the first commit leaves; the answer is a second.
        let store = try SQLiteStore(path: test.folder.path + "/" + ControllerDirectory.databaseName)
        let key = SHA256Digest(of: Array("person:admin\none".utf8))
        var kept = try #require(try store.request(key))
        #expect(kept.answer != nil)
        kept.answer = nil
        try store.keep(kept)
        store.close()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let again = try await Self.grant(client)
            #expect(again.status == 409 && again.problemCode == "controller.conflict.idempotencyKey")
            #expect(try await Self.grants(client) == before)
            #expect(try await Self.grant(client, key: "two").status == 201)
            await client.close()
        }
    }

    @Test("What made its change and was not answered is kept with the change", arguments: StorePlace.Kind.installed)
    func together(_ kind: StorePlace.Kind) throws {
        let store = try StorePlace(kind).open()
        let kept = KeptRequest(
            key: SHA256Digest(of: [1]), person: "person:ann", digest: SHA256Digest(of: [2]), at: StoreSamples.now,
            answer: nil)
        let change = StoreChange(events: [StoreSamples.person("a")], request: kept)
        #expect(try store.request(kept.key) == nil)
        _ = try store.append(change, expecting: 0, at: StoreSamples.now)
        #expect(try store.request(kept.key) == kept)
        // Another that came at once decides, and finds that the first has done it: nothing of its own is written.
        var again = change
        again.events = [StoreSamples.person("b")]
        let error = #expect(throws: ControllerError.self) {
            _ = try store.append(again, expecting: 1, at: StoreSamples.now)
        }
        #expect(error?.code == "controller.conflict.idempotencyKey")
        #expect(try StoreSamples.names(store) == ["a"])
        var answered = kept
        answered.answer = []
        try store.keep(answered)
        #expect(try store.request(kept.key) == answered)
        answered.answer = Array(0...255)
        try store.keep(answered)
        #expect(try store.request(kept.key) == answered)
        // A change that is not made keeps no request.
        let other = KeptRequest(
            key: SHA256Digest(of: [3]), person: "person:ann", digest: SHA256Digest(of: [2]), at: StoreSamples.now)
        #expect(throws: ControllerError.self) {
            _ = try store.append(StoreChange(request: other), expecting: 7, at: StoreSamples.now)
        }
        #expect(try store.request(other.key) == nil)
        try store.close()
    }

    private static func kept(
        _ number: UInt8, _ person: String = "ann", at: UTCInstant = StoreSamples.now, _ answer: [UInt8]? = [1]
    ) -> KeptRequest {
        KeptRequest(
            key: SHA256Digest(of: [number]), person: person, digest: SHA256Digest(of: [0]), at: at, answer: answer)
    }

    @Test("Requests are kept for a day, and of too many the oldest go", arguments: StorePlace.Kind.installed)
    func bounded(_ kind: StorePlace.Kind) throws {
        let place = try StorePlace(kind)
        let store = try place.open()
        let now = StoreSamples.now
        let (old, young) = (
            Self.kept(1, at: now - KeptRequest.lifetime), Self.kept(2, at: now - KeptRequest.lifetime + .seconds(1))
        )
        #expect(old.isOver(at: now) && !young.isOver(at: now))
        for one in [old, young] { try store.keep(one) }
        try store.forgetRequests(of: "bob", at: now)
        #expect(try store.request(old.key) == nil)
        #expect(try store.request(young.key) == young)
        // Of a thousand people, none with too many.
        try place.fill(count: KeptRequest.wholeMax.count, person: "'p' || (i % 1000)", size: 1)
        try store.forgetRequests(of: "bob", at: now)
        #expect(try store.request(young.key) == nil)
        try store.close()
    }

    @Test("Who keeps too many pushes out the oldest of their own, nobody else's", arguments: StorePlace.Kind.installed)
    func ownBound(_ kind: StorePlace.Kind) throws {
        let (most, now) = (KeptRequest.personMax, StoreSamples.now)
        let full: [(count: Int64, size: Int64)] = [(most.count, 1), (4, most.bytes.value / 4)]
        for (count, size) in full {
            let place = try StorePlace(kind)
            let store = try place.open()
            let (hers, his) = (Self.kept(1, "ann", at: now - .seconds(2)), Self.kept(2, "bob", at: now - .seconds(1)))
            for one in [hers, his] { try store.keep(one) }
            try place.fill(count: count - 1, person: "'bob'", size: size)
            try store.forgetRequests(of: "bob", at: now)
            #expect(try store.request(his.key) == his, "they are not too many")
            try place.fill(count: 1, person: "'bob'", size: size, from: count)
            try store.forgetRequests(of: "bob", at: now)
            #expect(try store.request(his.key) == nil)
            #expect(try store.request(hers.key) == hers)
            // What is said of its length is its length, also of one that was answered later.
            let long = Self.kept(3, "bob", at: now + .days(1) - .seconds(9), nil)
            _ = try store.append(StoreChange(request: long), expecting: 0, at: now)
            var answered = long
            answered.answer = Array(repeating: 7, count: Int(most.bytes.value) + 1)
            try store.keep(answered)
            try store.forgetRequests(of: "bob", at: now)
            #expect(try store.request(long.key) == nil)
            #expect(try store.request(hers.key) == hers)
            try store.close()
        }
    }

    @Test(
        "What was kept before people had a bound of their own is answered still", arguments: StorePlace.Kind.installed)
    func migrated(_ kind: StorePlace.Kind) throws {
        let place = try StorePlace(kind)
        try place.open().close()
        let isLite = kind == .sqlite
        try place.meddle(
            """
            \(isLite ? "DROP INDEX requestsByPerson; DROP INDEX requestsByTime;" : "DROP INDEX requests_person;")
            ALTER TABLE requests DROP COLUMN person; ALTER TABLE requests DROP COLUMN size;
            \(isLite ? "CREATE INDEX requestsByTime ON requests (receivedAt);" : "")
            DELETE FROM \(isLite ? "grdb_migrations WHERE identifier" : "migrations WHERE name") LIKE '4 %';
            INSERT INTO requests (key, digest, \(isLite ? "receivedAt" : "received_at"), answer) VALUES
                ('\(SHA256Digest(of: [9]).hex)', '\(SHA256Digest(of: [0]).hex)',
                 \(StoreSamples.now.millisecondsSince1970), \(isLite ? "x'01'" : "'\\x01'"))
            """)
        let store = try place.open()
        #expect(try store.request(SHA256Digest(of: [9])) == Self.kept(9, ""))
        try store.forgetRequests(of: "ann", at: StoreSamples.now)
        #expect(try store.request(SHA256Digest(of: [9])) == Self.kept(9, ""))
        try store.close()
    }

    @Test("While the first is being answered the same key is refused, and afterwards answered alike")
    func running() async throws {
        let test = try TestController()
        try await test.run { running in
            let keys = running.controller.idempotencyKeys
            let path = "/v1/grants"
            let route = try #require(
                try RouteTable(ControllerRoutes.all(running.controller)).match(.post, path).route)
            let admin = try #require(await running.controller.person(named: "admin"))
            func request(_ text: String) -> RouteRequest {
                var head = HTTPRequest(method: .post, scheme: nil, authority: nil, path: path)
                head.headerFields[HTTPFields.Element.Name(IdempotencyKeys.header)!] = "one"
                return RouteRequest(
                    request: Request(head: head, body: RequestBody(buffer: ByteBuffer(string: text))),
                    caller: .person(admin), parameters: [:], bodySizeMax: route.bodySizeMax, pace: BodyPace(),
                    closed: MultiThreadedEventLoopGroup.singleton.next().makeSucceededVoidFuture())
            }
            func code(_ text: String) async -> String? {
                do {
                    _ = try await keys.answer(request(text), route, at: running.controller) { _ in Responses.text("no")
                    }
                } catch { return (error as? ControllerError)?.code }
                return nil
            }
            let first = try await keys.answer(request("a"), route, at: running.controller) { kept in
                #expect(kept != nil)
                #expect(await code("a") == "controller.conflict.idempotencyKey")
                #expect(await code("b") == "controller.request.idempotencyKey")
                return Responses.json(["x": 1], status: .created)
            }
            let again = try await keys.answer(request("a"), route, at: running.controller) { _ in
                Issue.record("it was done twice")
                return Responses.text("no")
            }
            #expect(again.status == first.status && again.headers == first.headers)
        }
    }

    @Test(
        "What one controller of a cluster answered, another does not do again",
        .enabled(if: TestPostgres.isInstalled))
    func cluster() async throws {
        let first = try TestController(database: TestPostgres.newDatabase())
        let second = try TestController(beside: first)
        try await first.run { one in
            try await second.run { other in
                let clients = [
                    try TestClient(first, one, token: first.adminToken),
                    try TestClient(second, other, token: first.adminToken),
                ]
                let before = try await Self.grants(clients[0])
                let answers = [try await Self.grant(clients[0]), try await Self.grant(clients[1])]
                #expect(answers.map(\.status) == [201, 201] && answers[0].body == answers[1].body)
                #expect(try await Self.grants(clients[0]) == before + 1)
                for client in clients { await client.close() }
            }
        }
    }
}

extension StorePlace {
    /// With requests, each a millisecond younger than the last; their answers are not there, only their length.
    fileprivate func fill(count: Int64, person: String, size: Int64, from first: Int64 = 1) throws {
        let isLite = kind == .sqlite
        let last = first + count - 1
        let numbers =
            isLite
            ? "WITH RECURSIVE n(i) AS (SELECT \(first) UNION ALL SELECT i + 1 FROM n WHERE i < \(last)) SELECT"
            : "SELECT"
        let source = isLite ? "n" : "generate_series(\(first), \(last)) AS n(i)"
        try meddle(
            """
            INSERT INTO requests (key, person, digest, \(isLite ? "receivedAt" : "received_at"), size)
            \(numbers) 'k' || i, \(person), 'd', \(StoreSamples.now.millisecondsSince1970) + i, \(size) FROM \(source)
            """)
    }
}
