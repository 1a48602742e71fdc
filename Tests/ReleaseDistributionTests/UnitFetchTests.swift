import Effects
import ReleaseDefinition
import ReleasePackaging
import Synchronization
import Testing
import TestSupport

@testable import ReleaseDistribution

@Suite("Fetching what a unit's update needs")
struct UnitFetchTests {
    private typealias Fault = @Sendable (String, Int, inout FolderHTTP.Answer) throws -> Void

    @Test("By patch: the patch is all that is fetched, and the tree is right")
    func byPatch() async throws {
        let fixture = try await UpdateFixture()
        let http = FolderHTTP(fixture.root)
        let store = try fixture.store()
        let fetched = try await fixture.fetcher(http).unit(
            fixture.new, installed: fixture.installed, patches: [fixture.patch], into: store)
        #expect(fetched.report == FetchReport(way: .patch, bytes: fixture.patch.blob.length, doubts: []))
        #expect(http.paths == [fixture.patchPath])
        #expect(fixture.patch.blob.length.value < 10_000)
        try fixture.check(fetched)
        #expect(try store.has(fixture.new.payload.indexText))
    }

    @Test("By ranges: the index and the members that the host does not have")
    func byRanges() async throws {
        let fixture = try await UpdateFixture()
        let http = FolderHTTP(fixture.root)
        let fetched = try await fixture.fetcher(http).unit(
            fixture.new, installed: fixture.installed, patches: [], into: fixture.store())
        #expect(fetched.report.way == .ranges)
        #expect(fetched.report.doubts.isEmpty)
        #expect(fetched.report.bytes.value < fixture.payload.length.value / 2)
        #expect(http.ranges.dropFirst().allSatisfy { $0 != nil })
        try fixture.check(fetched)
    }

    @Test("A host that has nothing of the unit fetches the whole")
    func whole() async throws {
        let fixture = try await UpdateFixture()
        let fetched = try await fixture.fetcher(FolderHTTP(fixture.root)).unit(
            fixture.new, installed: nil, patches: [fixture.patch], into: fixture.store())
        #expect(fetched.report.way == .whole)
        #expect(fetched.report.bytes.value == fixture.payload.length.value + fixture.new.payload.index.length.value)
        try fixture.check(fetched)
    }

    @Test("A patch that is absent, tampered with, too short or too long leads to ranges, and says so")
    func badPatches() async throws {
        let fixture = try await UpdateFixture()
        let path = fixture.patchPath
        let faults: [(String, Fault)] = [
            ("absent", { asked, _, answer in if asked == path { answer = FolderHTTP.Answer(status: 404) } }),
            ("tampered", { asked, _, answer in if asked == path { answer.body[answer.body.count / 2] ^= 1 } }),
            ("short", { asked, _, answer in if asked == path { answer.body.removeLast(40) } }),
            ("long", { asked, _, answer in if asked == path { answer.body += [1, 2, 3] } }),
        ]
        for (name, fault) in faults {
            let http = FolderHTTP(fixture.root, fault: fault)
            let fetched = try await fixture.fetcher(http).unit(
                fixture.new, installed: fixture.installed, patches: [fixture.patch], into: fixture.store(name))
            #expect(fetched.report.way == .ranges, "\(name)")
            #expect(fetched.report.doubts.count == 1 && fetched.report.doubts[0].hasPrefix("no patch: "), "\(name)")
            try fixture.check(fetched)
        }
    }

    @Test("A patch of the right hash that makes other bytes falls back when it is used")
    func lyingPatch() async throws {
        let fixture = try await UpdateFixture()
        var bytes = try fixture.published.read(fixture.patch.blob)
        bytes[bytes.count - 3] ^= 1
        var offer = fixture.patch
        offer.blob = try fixture.published.add(bytes)
        let store = try fixture.store()
        let fetcher = fixture.fetcher(FolderHTTP(fixture.root))
        let fetched = try await fetcher.unit(
            fixture.new, installed: fixture.installed, patches: [offer], into: store)
        #expect(fetched.report.way == .patch)
        let found = code { try fixture.check(fetched) }
        #expect(found?.hasPrefix("packaging.patch.") == true)
        // What an agent does then.
        let again = try await fetcher.unit(
            fixture.new, installed: fixture.installed, patches: [offer], cheapest: .ranges, into: store)
        #expect(again.report.way == .ranges)
        try fixture.check(again)
    }

    @Test("Servers without ranges, and caches that answer with others, lead to the whole")
    func badRanges() async throws {
        let fixture = try await UpdateFixture()
        let path = fixture.payloadPath
        let root = fixture.root
        func whenRange(_ change: @escaping @Sendable (inout FolderHTTP.Answer) -> Void) -> Fault {
            { asked, _, answer in if asked == path, answer.status == 206 { change(&answer) } }
        }
        let faults: [(String, Fault)] = [
            (
                "ignored",
                { asked, _, answer in
                    if asked == path {
                        answer = FolderHTTP.Answer(body: try root.read(asked, sizeMax: ByteCount(1 << 30)))
                    }
                }
            ),
            (
                "shifted",
                whenRange { answer in
                    answer.headers = [
                        HTTPField("Content-Range", "bytes 0-\(answer.body.count - 1)/\(answer.body.count)")
                    ]
                }
            ),
            ("unnamed", whenRange { $0.headers = [] }),
            ("multipart", whenRange { $0.headers = [HTTPField("Content-Type", "multipart/byteranges; boundary=x")] }),
            ("other bytes", whenRange { answer in answer.body = answer.body.map { $0 ^ 1 } }),
            ("too much", whenRange { $0.body += [0] }),
            ("416", whenRange { $0.status = 416 }),
            ("403", whenRange { $0.status = 403 }),
        ]
        for (name, fault) in faults {
            let fetched = try await fixture.fetcher(FolderHTTP(root, fault: fault)).unit(
                fixture.new, installed: fixture.installed, patches: [], into: fixture.store(name))
            #expect(fetched.report.way == .whole, "\(name)")
            #expect(fetched.report.doubts.count == 1, "\(name)")
            try fixture.check(fetched)
        }
    }

    @Test("One member that came damaged is fetched once more, and only it")
    func damagedOnce() async throws {
        let fixture = try await UpdateFixture()
        let isFirst = Mutex(true)
        let http = FolderHTTP(fixture.root) { path, _, answer in
            guard path == fixture.payloadPath, answer.status == 206 else { return }
            let isDamaged = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            if isDamaged { answer.body[100] ^= 1 }
        }
        let fetched = try await fixture.fetcher(http).unit(
            fixture.new, installed: fixture.installed, patches: [], into: fixture.store())
        #expect(fetched.report.way == .ranges)
        try fixture.check(fetched)
    }

    @Test("Broken transfers and a restart ask only for what is still missing")
    func resumed() async throws {
        let fixture = try await UpdateFixture()
        let store = try fixture.store()
        let broken = FolderHTTP(fixture.root) { path, number, answer in
            guard path == fixture.payloadPath else { return }
            if number > 2 { throw CancellationError() }
        }
        await #expect(throws: CancellationError.self) {
            _ = try await fixture.fetcher(broken).unit(
                fixture.new, installed: fixture.installed, patches: [], into: store)
        }
        let http = FolderHTTP(fixture.root) { path, number, answer in
            if path == fixture.payloadPath, answer.body.count > 64 << 10, number < 20 { answer.breaksAfter = 64 << 10 }
        }
        let fetched = try await fixture.fetcher(http).unit(
            fixture.new, installed: fixture.installed, patches: [], into: store)
        #expect(fetched.report.way == .ranges)
        #expect(!http.paths.contains(RepositoryLayout.blob(fixture.new.payload.index.sha256)))
        try fixture.check(fetched)
    }

    @Test("A file of the installed tree that changed is fetched; the patch serves the rest")
    func changedTree() async throws {
        let fixture = try await UpdateFixture()
        for name in ["part-105", "part-111"] {
            try fixture.installed.tree.removeFile(name)
            try fixture.installed.tree.writeDurably(name, Array("changed by somebody".utf8))
        }
        for patches in [[fixture.patch], []] {
            let fetched = try await fixture.fetcher(FolderHTTP(fixture.root)).unit(
                fixture.new, installed: fixture.installed, patches: patches,
                into: fixture.store("downloads-\(patches.count)"))
            #expect(fetched.report.way == (patches.isEmpty ? .ranges : .patch))
            #expect(fetched.report.bytes.value < fixture.payload.length.value / 2)
            try fixture.check(fetched)
        }
    }

    @Test("An update of which nearly everything is new is one request for the whole")
    func allNew() async throws {
        let fixture = try await UpdateFixture()
        for entry in try fixture.installed.tree.list() {
            try fixture.installed.tree.removeFile(entry.name)
        }
        let http = FolderHTTP(fixture.root)
        let fetched = try await fixture.fetcher(http).unit(
            fixture.new, installed: fixture.installed, patches: [], into: fixture.store())
        #expect(fetched.report.way == .whole)
        #expect(http.ranges.allSatisfy { $0 == nil })
        try fixture.check(fetched)
    }
}

@Suite("Joining ranges")
struct RangeCoalescingTests {
    @Test("Ranges are joined over small gaps and up to a bounded length")
    func rule() {
        let gap = RangeCoalescing.gapMax
        let most = RangeCoalescing.lengthMax
        #expect(RangeCoalescing.requests(for: []) == [])
        #expect(RangeCoalescing.requests(for: [0..<10, 10 + gap..<30 + gap]) == [0..<30 + gap])
        #expect(RangeCoalescing.requests(for: [0..<10, 11 + gap..<30 + gap]) == [0..<10, 11 + gap..<30 + gap])
        #expect(RangeCoalescing.requests(for: [0..<most, most..<most + 1]) == [0..<most, most..<most + 1])
        #expect(RangeCoalescing.requests(for: [0..<0, 5..<6]) == [5..<6])
    }
}

@Suite("Fetching an update from other people's servers and caches")
struct ServerFetchTests {
    @Test(
        "By patch and by ranges where the server knows them, else whole; twice, so that caches answer too",
        arguments: WebServer.Kind.allCases)
    func update(kind: WebServer.Kind) async throws {
        try #require(kind.isInstalled, "\(kind): scripts/test installs it")
        let fixture = try await UpdateFixture()
        let server = try await WebServer(kind, serving: fixture.root.path, in: fixture.folder)
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-test/1")
        let result: Result<Void, any Error>
        do { result = .success(try await update(fixture, server, http, kind)) } catch { result = .failure(error) }
        await http.shutdown()
        try await server.stop()
        try result.get()
    }

    @Test(
        "R44: hosts that fetch all at once, by ranges and whole, take a file from the origin once with a cache before it"
    )
    func herd() async throws {
        try #require(WebServer.Kind.varnishBeforeNginx.isInstalled, "scripts/test installs it")
        let fixture = try await UpdateFixture()
        let server = try await WebServer(.varnishBeforeNginx, serving: fixture.root.path, in: fixture.folder)
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-test/1")
        let result: Result<Void, any Error>
        do { result = .success(try await herd(fixture, server, http)) } catch { result = .failure(error) }
        await http.shutdown()
        try await server.stop()
        try result.get()
        let origin = try WebServer.asked(fixture.folder).filter { asked in
            asked.path.hasSuffix(fixture.payloadPath) || asked.path.hasSuffix(Self.indexPath(fixture))
        }
        let size = fixture.payload.length.value + fixture.new.payload.index.length.value
        #expect(!origin.isEmpty)
        #expect(Double(origin.reduce(0) { $0 + $1.received }) <= 1.2 * Double(size), "\(origin), of \(size)")
    }

    private static func indexPath(_ fixture: UpdateFixture) -> String {
        RepositoryLayout.blob(fixture.new.payload.index.sha256)
    }

    private func herd(_ fixture: UpdateFixture, _ server: WebServer, _ http: LiveHTTP) async throws {
        try await server.untilAnswers(http, "/" + RepositoryLayout.blob(fixture.old.payload.index.sha256))
        let fetcher = fixture.fetcher(http, base: server.address, time: SystemTime())
        try await withThrowingTaskGroup(of: FetchWay.self) { group in
            for host in 0..<32 {
                group.addTask {
                    try await fetcher.unit(
                        fixture.new, installed: host.isMultiple(of: 2) ? fixture.installed : nil, patches: [],
                        into: fixture.store("downloads-\(host)")
                    ).report.way
                }
            }
            let ways = try await group.reduce(into: [:]) { ways, way in ways[way, default: 0] += 1 }
            #expect(ways == [.ranges: 16, .whole: 16])
        }
    }

    private func update(
        _ fixture: UpdateFixture, _ server: WebServer, _ http: LiveHTTP, _ kind: WebServer.Kind
    ) async throws {
        try await server.untilAnswers(http, "/" + RepositoryLayout.blob(fixture.old.payload.index.sha256))
        let fetcher = fixture.fetcher(http, base: server.address, time: SystemTime())
        for round in 0..<2 {
            for patches in [[fixture.patch], []] {
                let fetched = try await fetcher.unit(
                    fixture.new, installed: fixture.installed, patches: patches,
                    into: fixture.store("downloads-\(round)-\(patches.count)"))
                try fixture.check(fetched)
                if !patches.isEmpty {
                    #expect(fetched.report == FetchReport(way: .patch, bytes: fixture.patch.blob.length, doubts: []))
                    continue
                }
                switch kind {
                // Varnish makes ranges of what it has, whatever is behind it.
                case .nginx, .varnishBeforeNginx, .varnishBeforePython, .squidBeforeNginx:
                    #expect(fetched.report.way == .ranges, "\(fetched.report)")
                    #expect(fetched.report.bytes.value < fixture.payload.length.value / 2)
                case .python:
                    #expect(fetched.report.way == .whole, "\(fetched.report)")
                    #expect(fetched.report.doubts == ["no ranges: distribution.ranges.refused"])
                // Squid passes the first answer through, and makes ranges of what it has.
                case .squidBeforePython: break
                }
            }
        }
    }
}
