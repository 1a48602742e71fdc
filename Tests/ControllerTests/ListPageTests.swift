import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Pages of lists")
struct ListPageTests {
    private func page(_ items: [String], _ limit: String?, _ after: String?) throws -> ListView<String> {
        try ListPages.page(of: items, in: "/v1/items", limit: limit, after: after, key: \.self)
    }

    @Test("Pages of any size, one after the other, hold each item once and in order; the last names no next")
    func walked() throws {
        for count in 0...7 {
            let items = (0..<count).map { "item \($0)" }
            for limit in 1...8 {
                var (seen, after, pages) = ([String](), String?.none, 0)
                repeat {
                    let page = try page(items, "\(limit)", after)
                    #expect(page.items.count <= limit)
                    seen += page.items
                    after = page.next
                    pages += 1
                } while after != nil
                #expect(seen == items)
                #expect(pages == max(1, (count + limit - 1) / limit))
            }
        }
    }

    @Test("Without a limit all that follows is given; something unknown and senseless limits are refused")
    func refused() throws {
        #expect(try page(["a", "b", "c"], nil, nil).items == ["a", "b", "c"])
        #expect(try page(["a", "b", "c"], nil, "a").items == ["b", "c"])
        #expect(try page(["a", "b", "c"], nil, "c").items == [])
        for (limit, after) in [("0", nil), ("-1", nil), ("1001", nil), ("ten", nil), ("", nil), ("1", "d"), ("1", "")] {
            let error = #expect(throws: ControllerError.self) { try page(["a", "b", "c"], limit, after) }
            #expect(error?.code == "controller.request.page" && error?.status == .badRequest)
        }
    }

    @Test("A cursor is opaque, belongs to its list, and one that was changed is none")
    func cursors() throws {
        let cursor = ListCursor(list: "/v1/hosts", key: "räv 1")
        #expect(ListCursor(cursor.text, list: "/v1/hosts") == cursor)
        #expect(!cursor.text.contains("1") || !cursor.text.contains("räv"))
        #expect(ListCursor(cursor.text, list: "/v1/tokens") == nil)
        for position in cursor.text.indices {
            var text = cursor.text
            text.replaceSubrange(position...position, with: text[position] == "A" ? "B" : "A")
            #expect(ListCursor(text, list: "/v1/hosts") == nil)
        }
        for text in ["", "a", "räv 1", "AAAAAAAA", cursor.text + "A", cursor.text + "="] {
            #expect(ListCursor(text, list: "/v1/hosts") == nil)
        }
        // Of another list, though what it names stands here too.
        let error = #expect(throws: ControllerError.self) {
            try page(["a", "b"], "1", ListCursor(list: "/v1/others", key: "a").text)
        }
        #expect(error?.code == "controller.request.page" && error?.status == .badRequest)
    }

    @Test("The address of the next page keeps what was asked, and cannot end its place in the header")
    func addresses() {
        func next(_ path: String, _ query: String) -> String { ListPages.address(of: "C", path, query) }
        #expect(next("/v1/hosts", "limit=2&hosts=a%3Db&after=B") == "/v1/hosts?limit=2&hosts=a%3Db&after=C")
        #expect(next("/v1/audit", "before=9&limit=2") == "/v1/audit?limit=2&after=C")
        #expect(next("/v1/hosts", "limit=2&hosts=a>b") == "/v1/hosts?limit=2&hosts=a%3Eb&after=C")
    }

    /// The way that a client takes that knows nothing but RFC 8288.
    private func walk(_ path: String, _ client: TestClient) async throws -> [JSONValue] {
        var (items, next) = ([JSONValue](), String?.some(path))
        while let path = next {
            let response = try await client.send("GET", path)
            try #require(response.status == 200, "\(path)")
            let page = try response.json(ListView<JSONValue>.self)
            items += page.items
            let link = response.head["Link"]
            #expect((link == nil) == (page.next == nil), "\(path)")
            next = try link.map { try #require($0.wholeMatch(of: /<(\/[^>]*)>; rel="next"/)).output.1 }.map(String.init)
        }
        return items
    }

    @Test("Hosts come page by page, also of a query; one that joins meanwhile doubles and hides none")
    func hosts() async throws {
        let test = try TestController()
        try await test.run { running in
            var ids: [HostID] = []
            for number in 1...5 {
                let labels = ["tier": number < 4 ? "web" : "db"]
                ids.append(try await TestHost.join(test, running, labels: labels).id)
            }
            ids.sort()
            let client = try TestClient(test, running, token: test.adminToken)
            func page(_ query: String) async throws -> ListView<HostView> {
                let response = try await client.send("GET", "/v1/hosts?\(query)")
                #expect(response.status == 200)
                return try response.json(ListView<HostView>.self)
            }
            let first = try await page("limit=2")
            #expect(
                first.items.map(\.id) == Array(ids[..<2])
                    && first.next == ListCursor(list: "/v1/hosts", key: ids[1].text).text)
            let late = try await TestHost.join(test, running).id
            let rest = try await page("limit=1000&after=\(ids[1])")
            #expect(rest.items.map(\.id).filter { $0 != late } == Array(ids[2...]) && rest.next == nil)
            let web = try await page("hosts=tier%3Dweb&limit=2")
            #expect(web.items.count == 2 && web.next != nil)
            let last = try await page("hosts=tier%3Dweb&limit=2&after=\(web.next ?? "")")
            #expect(last.items.count == 1 && last.next == nil)
            #expect(try await client.send("GET", "/v1/hosts?limit=x").problemCode == "controller.request.page")
            // Who does not ask for a page gets the list that it always got.
            let all = try await client.send("GET", "/v1/hosts")
            #expect(try all.json(ListView<HostView>.self).items.count == 6)
            #expect(!String(decoding: all.body, as: UTF8.self).contains("\"next\""))
            for path in ["/v1/rollouts", "/v1/releases"] {
                let empty = try await client.send("GET", "\(path)?limit=10").json(ListView<JSONValue>.self)
                #expect(empty.items.isEmpty && empty.next == nil)
                #expect(try await client.send("GET", "\(path)?after=none").status == 400)
            }
            await client.close()
        }
    }

    @Test("Every list that says it comes page by page does, and holds the same then")
    func everyList() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            for person in ["ann", "bob", "eve"] {
                _ = try await TokenTests.person(person, ["viewer", "builder"], client)
            }
            for version in ["1.0", "2.0"] {
                try #require(try await TestFleet.submit(version, by: client).status == 201)
            }
            for _ in 1...3 { _ = try await TestHost.join(test, running) }
            let paged = APIOperation.all.filter { row in
                ["limit", "after"].allSatisfy(row.value.query.map(\.name).contains)
            }
            .keys.map { String($0.dropFirst("GET ".count)) }
            #expect(paged.count >= 12)
            for path in paged where path != "/v1/audit" {
                let whole = try await client.send("GET", path).json(ListView<JSONValue>.self)
                #expect(whole.next == nil, "\(path)")
                let items = try await walk("\(path)?limit=1", client)
                #expect(items.map(\.canonicalBytes) == whole.items.map(\.canonicalBytes), "\(path)")
                if ["/v1/tokens", "/v1/grants", "/v1/lifecycles", "/v1/cmdb/items", "/v1/hosts"].contains(path) {
                    #expect(items.count > 1, "\(path)")
                }
            }
            let log = try await client.send("GET", "/v1/audit?limit=3").json(ListView<AuditEntryView>.self)
            #expect(log.items.map(\.sequence) == [1, 2, 3] && log.next != nil && log.next != "3")
            let rest = try await client.send("GET", "/v1/audit?limit=1000&after=3").json(ListView<AuditEntryView>.self)
            #expect(rest.items.first?.sequence == 4 && rest.next == nil)
            let last = try #require(rest.items.last?.sequence)
            var newest = try await client.send("GET", "/v1/audit?limit=2&before=\(Int64.max)")
                .json(ListView<AuditEntryView>.self)
            #expect(newest.items.map(\.sequence) == [last, last - 1] && newest.next != nil)
            newest = try await client.send("GET", "/v1/audit?limit=3&before=4").json(ListView<AuditEntryView>.self)
            #expect(newest.items.map(\.sequence) == [3, 2, 1] && newest.next == nil)
            newest = try await client.send("GET", "/v1/audit?after=1&before=4").json(ListView<AuditEntryView>.self)
            #expect(newest.items.map(\.sequence) == [3, 2])
            func sequences(_ query: String) async throws -> [Int64?] {
                try await walk("/v1/audit?\(query)", client).map { $0["sequence"]?.integerValue }
            }
            #expect(try await sequences("limit=3") == (1...last).map { $0 })
            #expect(try await sequences("limit=3&before=\(last + 1)") == (1...last).reversed())
            #expect(try await sequences("limit=1&before=6&after=2") == [5, 4, 3])
            for wrong in ["limit=0", "before=0", "limit=1001", "limit=x"] {
                #expect(try await client.send("GET", "/v1/audit?\(wrong)").problemCode == "controller.request.number")
            }
            for wrong in ["after=-1", "after=", "after=x", "after=\(log.next ?? "")A"] {
                #expect(try await client.send("GET", "/v1/audit?\(wrong)").problemCode == "controller.request.page")
            }
            await client.close()
        }
    }
}
