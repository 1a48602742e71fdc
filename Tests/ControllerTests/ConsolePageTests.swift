import AgentProtocol
import ControllerAPI
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The console's page")
struct ConsolePageTests {
    let samples: ConsoleSamples
    let templates: ConsoleTemplates

    init() throws {
        samples = try ConsoleSamples()
        templates = try ConsoleTemplates()
    }

    private func page(_ rollouts: [RolloutView], chosen: RolloutID? = nil) throws -> ConsolePage {
        ConsolePage(person: "admin", rollouts: rollouts, hosts: try samples.fleet(), now: samples.now, chosen: chosen)
    }

    private func text(_ rollouts: [RolloutView], chosen: RolloutID? = nil) throws -> String {
        String(decoding: try page(rollouts, chosen: chosen).render(templates), as: UTF8.self)
    }

    @Test("Every host has a square with its name and state in words")
    func squares() throws {
        let html = try text([samples.running()])
        #expect(html.components(separatedBy: "class=\"square t-").count - 1 >= 6)
        #expect(html.contains("aria-label=\"web-1.example: succeeded\""))
        #expect(html.contains("aria-label=\"web-2.example: checks health\""))
        #expect(html.contains("aria-label=\"web-4.example: waits for its turn\""))
        #expect(html.contains("Phase 2"))
        #expect(html.contains(">emergency<"))
    }

    @Test("A host that is quarantined says so in the fleet, whether it is there or not")
    func quarantined() throws {
        var hosts = try samples.fleet()
        #expect(!hosts.isEmpty)
        hosts[0].standing = .quarantined
        let page = ConsolePage(person: "admin", rollouts: [], hosts: hosts, now: samples.now, chosen: nil)
        #expect(String(decoding: try page.render(templates), as: UTF8.self).contains("quarantined"))
    }

    @Test("A failing host stands first, with its error, the last lines of its log and the command to type next")
    func failingFirst() throws {
        let html = try text([samples.backedOut()])
        let trouble = try #require(html.range(of: "1 host needs attention"))
        let table = try #require(html.range(of: "host by host"))
        #expect(trouble.lowerBound < table.lowerBound)
        #expect(html.contains("answered 500, expected 200"))
        #expect(html.contains("KeyError: &#39;SETTLEMENT_CURRENCY&#39;"))
        #expect(html.contains("backed out: it did not become healthy"))
        var stuck = try samples.backedOut()
        (stuck.state, stuck.hosts[0].outcome) = (.backOutFailed, .backOutFailed)
        #expect(try text([stuck]).contains("t-failed\">Back-out failed on 1 host</span>"))
        // And what to type.
        let command = try #require(samples.backedOut().nextCommand)
        #expect(command.hasPrefix("slipway release submit") && html.contains("Next: <code>\(command)</code>"))
        let rows = html[table.lowerBound...]
        let failed = try #require(
            rows.range(of: "<th scope=\"row\"><a class=\"name\" href=\"/console/hosts/web-3.example\">"))
        let waiting = try #require(
            rows.range(of: "<th scope=\"row\"><a class=\"name\" href=\"/console/hosts/web-1.example\">"))
        #expect(failed.lowerBound < waiting.lowerBound)
    }

    @Test("Rollouts that run and the newest stand open, the others are lines that lead to a page of their own")
    func openAndEarlier() throws {
        let rollouts = try [samples.running(), samples.backedOut(), samples.completed()]
        #expect(ConsolePage.open(rollouts, chosen: nil, at: samples.now).map(\.text) == ["r-4"])
        let html = try text(rollouts)
        #expect(html.contains("Earlier rollouts"))
        #expect(html.contains("href=\"/console/rollouts/r-3\""))
        let chosen = try text(rollouts, chosen: RolloutID("r-3"))
        #expect(!chosen.contains("Earlier rollouts"))
        #expect(chosen.contains("/console/live?rollout=r-3"))
        let both = try [samples.running(), samples.backedOut()]
        #expect(ConsolePage.open(both.reversed(), chosen: nil, at: samples.now).count == 2)
    }

    @Test("The fleet shows who runs what, and those not as they should be first")
    func fleet() throws {
        let html = try text([samples.running()])
        #expect(html.contains("5 online, 1 as wanted"))
        let fleet = html[try #require(html.range(of: "id=\"fleet-title\"")).lowerBound...]
        let unhealthy = try #require(fleet.range(of: "web-4.example"))
        let offline = try #require(fleet.range(of: "web-6.example"))
        let good = try #require(fleet.range(of: "web-1.example"))
        #expect(unhealthy.lowerBound < offline.lowerBound && offline.lowerBound < good.lowerBound)
        #expect(fleet.contains("should run 3.0.1"))
        // Of one that is away, nobody knows that it is healthy.
        #expect(fleet[offline.lowerBound..<good.lowerBound].contains("</span> silent"))
    }

    @Test("The home page begins with which version of which product serves where, and what goes on there")
    func grid() throws {
        let moving = try text([samples.running(), samples.completed()])
        #expect(moving.contains("What serves where"))
        #expect(moving.contains("<b>2.0</b> <span class=\"quiet\">on 5 of 6 hosts for 53 s; 3.0.1 on 1</span>"))
        #expect(moving.contains("id=\"g-web-service-staging\" href=\"/console/rollouts/r-4\">3.0.1 "))
        let still = try text([samples.completed()])
        // The sixth is away: what it said last is no word of today.
        #expect(still.contains(">1 unhealthy, 1 silent, 3 not as wanted</a>"))
        #expect(moving.contains(">3.0.1 running, 1 unhealthy, 1 silent</a>"))
        #expect(still.contains("for 53 s"))
        #expect(!(try text([samples.running()], chosen: RolloutID("r-4"))).contains("What serves where"))
    }

    @Test("What went wrong stands before all else, whatever was tried elsewhere since")
    func urgency() throws {
        var halted = try samples.backedOut()
        (halted.state, halted.environment) = (.halted, try EnvironmentName("production"))
        let rollouts = try [samples.running(), halted, samples.completed()]
        let html = try text(rollouts)
        let places = try ["id=\"rollout-r-3\"", "What serves where", "id=\"rollout-r-4\""].map {
            try #require(html.range(of: $0), "\($0)").lowerBound
        }
        #expect(places == places.sorted())
        // One that was backed out stays for a day, or until something else is tried there.
        var ended = halted
        ended.state = .backedOut
        ended.endedAt = samples.start
        func open(_ rollouts: [RolloutView], _ now: UTCInstant) -> [String] {
            ConsolePage.open(rollouts, chosen: nil, at: now).map(\.text)
        }
        let calm = try samples.completed(5)
        #expect(open([calm, ended], samples.now) == ["r-3", "r-5"])
        #expect(open([calm, ended], samples.start + .days(1)) == ["r-5"])
        var next = try samples.completed(6)
        next.environment = ended.environment
        #expect(open([calm, next, ended], samples.now) == ["r-5"])
    }

    @Test("A page says a thing once: what holds a rollout, why it failed, and each landmark's name")
    func once() throws {
        var paused = try samples.running()
        (paused.state, paused.reason) = (.paused, "the pilot is slow (by person:admin)")
        let failed = try samples.backedOut()
        var page = try page([paused, failed], chosen: nil)
        page.holds[paused.id] = RolloutWhyView(
            release: paused.release, rollout: paused.id,
            reasons: [
                RolloutHold(
                    "paused", "It is paused by person:admin: the pilot is slow. It halts at 2026-11-22T10:12:04.500Z.")
            ], hosts: [], nextAttemptAt: nil)
        page.holds[failed.id] = RolloutWhyView(
            release: failed.release, rollout: failed.id, reasons: [RolloutHold("failed", "It failed, at length.")],
            hosts: [], nextAttemptAt: nil)
        page.acts = [paused.id, failed.id].reduce(into: [:]) { acts, id in
            acts[id] = [ConsoleAct(id: "halt-\(id)", group: "g", label: "Halt", says: "", address: "/")]
        }
        (page.rollouts[1].state, page.rollouts[1].endedAt) = (.halted, nil)
        let html = String(decoding: page.render(templates), as: UTF8.self)
        #expect(html.components(separatedBy: "the pilot is slow").count == 2)
        #expect(html.contains("paused by admin: the pilot is slow. It halts at 2026-11-22 10:12:04 UTC."))
        #expect(!html.contains("It failed, at length."))
        let names = html.matches(of: /<(?:section|nav|main|form)[^>]* aria-label="([^"]*)"/).map(\.output.1)
        #expect(names.count == Set(names).count && html.components(separatedBy: ">Halt</summary>").count == 3)
    }

    @Test("Words of the engine are said as people say them, and everything else stays as it is")
    func plain() {
        for (text, plain) in [
            ("It halts at 2026-11-21T10:12:04.125Z.", "It halts at 2026-11-21 10:12:04 UTC."),
            ("(2026-11-21T10:12:04Z, by person:a b)", "(2026-11-21 10:12:04 UTC, by a b)"),
            ("no  Zebra at 2026-11-21", "no  Zebra at 2026-11-21"), ("", ""), ("Z", "Z"),
            ("2026-13-99T10:12:04.125Z", "2026-13-99T10:12:04.125Z"),
        ] { #expect(ConsoleWords.plain(text) == plain) }
    }

    @Test("A host's page shows what runs against what should, what drifted, and how each rollout ended there")
    func host() throws {
        var host = try samples.fleet()[1]
        host.drift = ["/opt/<web>/a was changed"]
        host.products[0].lockedBy = OrderID(rollout: try RolloutID("r-3"), action: .backOut)
        let turn = ListPanel.HostTurn(
            release: try ReleaseName("web-service@3.0.1"), rollout: try RolloutID("r-4"),
            words: "failed: it did not become healthy", startedAt: samples.start)
        let page = RecordPage(
            person: "admin", now: samples.now, title: host.id.text, content: ListPanel.host(host, turns: [turn]))
        let html = String(decoding: page.render(templates), as: UTF8.self)
        for words in [
            "<h1>web-2.example", "<td>2.0</td><td>3.0.1</td><td>healthy</td>", "locked: r-3", "role=web zone=a",
            "/opt/&lt;web&gt;/a was changed", "<td>failed: it did not become healthy</td>", "slipway hosts show",
        ] { #expect(html.contains(words), "\(words): \(html)") }
    }

    @Test(
        "The fleet is filtered by a host query as a browser sends it; one that cannot be read hides nothing and is told"
    )
    func filter() throws {
        let samples = try ConsoleSamples()
        func html(_ field: String) throws -> (String, String) {
            let page = ConsolePage(
                person: "admin", rollouts: [], hosts: try samples.fleet(), now: samples.now, chosen: nil,
                filter: HostFilter(field))
            let templates = try ConsoleTemplates()
            return (
                String(decoding: page.render(templates), as: UTF8.self),
                String(decoding: page.renderLive(templates), as: UTF8.self)
            )
        }
        let count = try samples.fleet().count
        let (page, live) = try html("id+in+(web-1.example,web-2.example)")
        #expect(live.contains("2 of \(count) hosts"))
        #expect(!live.contains(">web-3.example<"))
        #expect(page.contains("value=\"id in (web-1.example,web-2.example)\""))
        // The page goes on asking for the same hosts.
        #expect(page.contains("/console/live?hosts=id%20in%20%28web%2D1%2Eexample%2Cweb%2D2%2Eexample%29"))
        #expect(try html("id=nowhere").1.contains("No host matches."))
        let (wrong, all) = try html("id in <b>")
        #expect(wrong.contains("role=\"alert\"") && !wrong.contains("<b>\""))
        #expect(all.contains(">\(count) hosts"))
    }

    @Test("In a first rollout the grid counts all hosts that it is for, not those alone that have their order")
    func firstRollout() throws {
        let samples = try ConsoleSamples()
        let running = try samples.running()
        var hosts = try samples.fleet()
        for place in hosts.indices {
            hosts[place].products[0].running = nil
            if place > 1 { hosts[place].products = [] }
        }
        func html(_ rollouts: [RolloutView]) -> String {
            let page = ConsolePage(person: "admin", rollouts: rollouts, hosts: hosts, now: samples.now, chosen: nil)
            return String(decoding: page.render(templates), as: UTF8.self)
        }
        #expect(html([running]).contains("<b>nothing yet</b> <span class=\"quiet\">on 0 of 6 hosts"))
        #expect(html([]).contains("on 0 of 2 hosts"))
    }

    @Test("What happened is told, the newest first")
    func changes() throws {
        let rollout = try samples.running()
        var page = try page([rollout])
        page.stories[rollout.id] = RolloutStory(
            try [(1, "pilot begins"), (2, "web-1.example: <b>switched</b>")].map { sequence, text in
                RolloutChange(
                    sequence: sequence, at: samples.start + .seconds(sequence), rollout: rollout.id, kind: "x",
                    text: text,
                    phase: nil, host: try samples.hostID(1), state: .running)
            })
        let html = String(decoding: page.render(templates), as: UTF8.self)
        let newest = try #require(html.range(of: "10:12:06</time> web-1.example: &lt;b&gt;switched&lt;/b&gt;"))
        let oldest = try #require(html.range(of: "10:12:05</time> pilot begins"))
        #expect(newest.lowerBound < oldest.lowerBound)
    }

    @Test("A log's last lines are shown, a repeated one once, a long one cut")
    func lastLines() {
        let log = "start\n" + String(repeating: "error: no setting\n", count: 40) + String(repeating: "x", count: 900)
        let lines = ConsoleWords.lastLines(log, count: 3, width: 5).split(separator: "\n")
        #expect(lines == ["start", "error…  (40 times)", "xxxxx…"])
        #expect(ConsoleWords.lastLines((1...50).map(String.init).joined(separator: "\n"), count: 2) == "49\n50")
        #expect(ConsoleWords.lastLines("") == "")
    }

    @Test("An empty controller says what to do first")
    func empty() throws {
        let page = ConsolePage(person: "admin", rollouts: [], hosts: [], now: samples.now, chosen: nil)
        let html = String(decoding: page.render(templates), as: UTF8.self)
        #expect(html.contains("slipway release submit"))
        #expect(html.contains("slipway hosts invite"))
    }

    static let hostile = [
        "<script>alert(1)</script>", "\" onmouseover=\"alert(1)", "\"\u{301} onmouseover=alert(1) x=\u{301}\"",
        "'><img src=x>",
        "<\u{338}b>", "{{person}} {{{person}}}", "</pre><script>", "&lt;", "\u{202E}gnp.exe", "\u{0}\u{1B}[31m",
    ]

    @Test("Text from hosts and files never becomes markup, combining marks or not", arguments: hostile)
    func escaping(text hostile: String) throws {
        var rollout = try samples.backedOut(log: hostile)
        rollout.reason = hostile
        rollout.hosts[0].evidence?.error.summary = hostile
        rollout.hosts[0].outcome = .skipped(hostile)
        rollout.startedBy = hostile
        var fleet = try samples.fleet()
        fleet[0].labels = [hostile: hostile]
        let page = ConsolePage(person: hostile, rollouts: [rollout], hosts: fleet, now: samples.now, chosen: nil)
        let html = Array(String(decoding: page.render(templates), as: UTF8.self).unicodeScalars)
        let calm = Array(try text([samples.backedOut()]).unicodeScalars)
        for mark: Unicode.Scalar in ["<", ">", "\""] {
            let marks = html.count { $0 == mark }
            // As many as without hostile text, give or take the parts that another outcome shows.
            #expect(abs(marks - calm.count { $0 == mark }) < 60)
        }
        let whole = String(String.UnicodeScalarView(html))
        #expect(!whole.contains("<script>alert"))
        #expect(!whole.contains("<img"))
        #expect(!whole.unicodeScalars.contains("\u{202E}"))
        #expect(!whole.unicodeScalars.contains("\u{1B}"))
    }

    @Test("Escaping leaves no scalar with a meaning in HTML, whatever follows it")
    func escapingByScalars() {
        for scalar in "<>\"'&`".unicodeScalars {
            for follower in ["", "\u{301}", "\u{200D}", "\u{FE0F}", "a"] {
                let escaped = ScalarHTML().escapeText(String(String.UnicodeScalarView([scalar])) + follower)
                #expect(escaped.unicodeScalars.first == "&")
                #expect(!escaped.unicodeScalars.dropFirst().contains { "<>\"'`".unicodeScalars.contains($0) })
            }
        }
    }

    @Test("Nothing is inline, so the policy that forbids it costs nothing")
    func nothingInline() throws {
        for html in try [text([samples.running(), samples.backedOut()]), text([])] {
            #expect(!html.contains(" style="))
            #expect(html.firstMatch(of: /<[^>]* on[a-z]+=/) == nil)
            #expect(html.firstMatch(of: /<script(?![^>]* src=)/) == nil)
            #expect(!html.contains("javascript:"))
        }
        #expect(!ConsoleResponses.contentSecurityPolicy.contains("unsafe"))
    }

    @Test("The first load is small, and ten thousand hosts are drawn at once")
    func size() throws {
        let small = try page([samples.running(), samples.backedOut()]).render(templates)
        #expect(small.count + ConsoleAssets.style.count + ConsoleAssets.script.count < 100_000)
        let rollout = try samples.large(10_000)
        var bytes = 0
        let time = try ContinuousClock().measure {
            for chosen in [nil, rollout.id] {
                bytes = max(bytes, try page([rollout], chosen: chosen).render(templates).count)
            }
        }
        #expect(bytes + ConsoleAssets.style.count + ConsoleAssets.script.count < 200_000, "\(bytes)")
        #expect(time < .seconds(60), "\(time)")
    }

    @Test("Of ten thousand hosts each has a square, and those that need somebody have a link")
    func blocks() throws {
        let kinds: [HostMark.Kind] =
            Array(repeating: .succeeded, count: 250) + Array(repeating: .waiting, count: 115) + [.failed]
        let model = SquareBlocks(kinds, id: "r-1").model
        let rectangles = try #require(model["blocks"] as? [[String: Any]])
        func area(_ kind: String) -> Int {
            rectangles.filter { $0["pattern"] as? String == "r-1-\(kind)" }.reduce(0) {
                $0 + ($1["width"] as? Int ?? 0) / 9 * (($1["height"] as? Int ?? 0) / 9)
            }
        }
        #expect(["failed", "succeeded", "waiting"].map(area) == [1, 250, 115])
        // No two at one place.
        let places = rectangles.flatMap { one -> [[Int]] in
            let number = { (name: String) in (one[name] as? Int ?? 0) / 9 }
            return (0..<number("height")).flatMap { y in
                (0..<number("width")).map { [number("x") + $0, number("y") + y] }
            }
        }
        #expect(Set(places).count == 366 && places.allSatisfy { $0[0] < 110 && $0[1] < 4 })
        let html = try text([samples.large(10_000)])
        #expect(html.components(separatedBy: "class=\"square t-").count - 1 < 100)
        #expect(html.contains("10000 hosts, host by host</a>"))
    }

    @Test("A form's field is decoded once and bounded by its marks")
    func form() {
        #expect(ConsoleForm.field("token", of: Array("a=b&token=x%2By%3D&c=d".utf8)) == "x+y=")
        #expect(ConsoleForm.field("token", of: Array("token=+abc%0D%0A".utf8)) == "abc")
        #expect(ConsoleForm.field("token", of: Array("token=%zz".utf8)) == nil)
        #expect(ConsoleForm.field("token", of: [0xFF, 0x3D]) == nil)
        #expect(ConsoleForm.field("token", of: []) == nil)
    }

    /// `SLIPWAY_CONSOLE_PREVIEW=FOLDER` writes the pages there, for a look in a browser.
    @Test(
        "Previews are written where asked for",
        .enabled(if: ProcessInfo.processInfo.environment["SLIPWAY_CONSOLE_PREVIEW"] != nil))
    func preview() throws {
        let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["SLIPWAY_CONSOLE_PREVIEW"] ?? ".")
        func write(_ bytes: [UInt8], _ path: String) throws {
            let file = folder.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
        try write(ConsoleAssets.style, ConsoleAssets.stylePath)
        try write(ConsoleAssets.script, ConsoleAssets.scriptPath)
        let rollouts = try [
            samples.running(), samples.backedOut(), samples.completed(), samples.completed(1, version: "1.0"),
        ]
        try write(page(rollouts).render(templates), "home.html")
        try write(page(rollouts, chosen: RolloutID("r-3")).render(templates), "failed.html")
        try write(page([samples.large(400)]).render(templates), "large.html")
        try write(page([samples.large(10_000)]).render(templates), "huge.html")
        try write(
            ConsolePage(person: "admin", rollouts: [], hosts: [], now: samples.now).render(templates), "empty.html")
        try write(SignInPage(refusal: "This token is not one of this controller's.").render(templates), "signin.html")
    }
}
