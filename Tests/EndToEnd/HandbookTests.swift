import Glibc
import Testing

extension EndToEnd {
    /// The tutorial, the guides and the examples: the commands of each page are run as they stand, in one shell, by
    /// Harness/page.py, which holds what a line promises ("# prints …", "# ends with 7") against it.
    @Suite(.serialized) struct Handbook {
        /// What most pages begin with.
        static let fleet = "docs/first-fleet.md"
        static let pages = [
            fleet, "docs/first-release.md", "docs/back-out.md", "docs/emergency.md", "docs/isolated-hosts.md",
            "docs/without-the-controller.md", "docs/keys.md", "docs/pull-fleet.md", "examples/ledger/README.md",
            "examples/static-site/README.md", "examples/greeting-deb/README.md", "examples/web-service/README.md",
            "examples/haproxy/README.md", "docs/agent.md", "docs/policy.md", "README.md",
        ]
        /// A block of commands that needs a machine of its own, or what another page left.
        struct Shown {
            /// How its first line begins.
            var block: String
            /// The file that runs it, and the words there that do.
            var place: String
            var words: String
        }

        static let shown = [
            Shown(block: "scripts/demo ", place: ".ci/run", words: "scripts/packages --test"),
            Shown(block: "apt install ./slipway_", place: life, words: "as_on_page \"apt install ./slipway_\""),
            Shown(block: "slipway hosts invite", place: life, words: "as_on_page \"slipway hosts invite\""),
            Shown(
                block: "apt install ./slipway-agent_", place: life, words: "as_on_page \"apt install ./slipway-agent_"),
            Shown(
                block: "scripts/packages --sign", place: "packaging/test/part-apt",
                words: "slipway release submit packages-release"),
            Shown(
                block: "install -D -m 0644 slipway.asc", place: "packaging/test/part-apt",
                words: "page_block \"install -D -m 0644 slipway.asc\""),
            Shown(
                block: "createuser slipway", place: "Tests/EndToEnd/StoppedLeaderTests.swift",
                words: "\"--database\", try server.database(madeBy:"),
            Shown(block: "slipway-controller restore", place: backups, words: "commands(below: \"A damaged record\")"),
            Shown(block: "slipway-controller backup", place: backups, words: "commands(below: \"A damaged record\")"),
            Shown(block: "slipway-agent install payments", place: newcomer, words: "try Self.commands()"),
            Shown(block: "slipway-agent adopt", place: night, words: "slipway-agent adopt "),
            Shown(
                block: "slipway-agent follow", place: night, words: "slipway-agent follow \"${pulled"),
            Shown(
                block: "apt-get download hello", place: "Tests/EndToEnd/SourceTests.swift", words: "\"--manifest\""),
            Shown(
                block: "SLIPWAY_CONSOLE_SHOTS=", place: "Tests/EndToEnd/ConsoleTests.swift",
                words: "getenv(\"SLIPWAY_CONSOLE_SHOTS\")"),
        ]
        private static let life = "packaging/test/life"
        private static let backups = "Tests/ControllerTests/Store/BackupTests.swift"
        private static let night = "scripts/lib/night-fleet.sh"
        private static let newcomer = "Tests/AgentTests/NewcomerTests.swift"

        /// What a machine may lack; scripts/test installs it.
        static let needs: [String: [String]] = [
            "docs/pull-fleet.md": ["/usr/sbin/nginx", "/usr/sbin/varnishd", "/usr/bin/caddy", "/usr/bin/rclone"],
            "docs/first-fleet.md": ["/usr/bin/curl"],
        ]

        @Test("Every command of a page does what the page says", arguments: pages)
        func page(_ page: String) async throws {
            // dpkg installs as root alone.
            if page == "examples/greeting-deb/README.md", geteuid() != 0 { return }
            for program in Self.needs[page] ?? [] {
                try #require(Files.exists(program), "\(program): scripts/test installs it")
            }
            let text = try Files.read("\(Files.root)/\(page)")
            let isOnFleet = text.contains("ith [the fleet](")
            try await Self.run((isOnFleet ? [Self.fleet] : []) + [page])
        }

        /// Each block of a page: its language, and its lines.
        private static func blocks(_ page: String) throws -> [(language: String, lines: [Substring])] {
            var blocks: [(language: String, lines: [Substring])] = []
            var isInside = false
            for line in try Files.read("\(Files.root)/\(page)").split(separator: "\n") {
                let text = line.drop { $0 == " " }
                if text.hasPrefix("```") {
                    isInside.toggle()
                    if isInside { blocks.append((String(text.dropFirst(3)), [])) }
                } else if isInside {
                    blocks[blocks.count - 1].lines.append(text)
                }
            }
            return blocks
        }

        private static func below(_ folder: String) -> [String] {
            Files.walk("\(Files.root)/\(folder)").filter { $0.hasSuffix(".md") && !$0.hasPrefix("decisions/") }
                .map { "\(folder)/\($0)" }
        }

        @Test("Every block of commands is run as it stands, or what runs its commands elsewhere is named")
        func everyBlock() throws {
            // Integrations and LifecycleGuides run every line of these.
            let read = ["docs/from-ansible.md", "docs/lifecycle.md"]
            var used: Set<String> = []
            for page in ["README.md"] + Self.below("docs") + Self.below("examples") where !read.contains(page) {
                for (language, lines) in try Self.blocks(page) {
                    switch language {
                    case "sh": #expect(Self.pages.contains(page), "\(page) is run by no test")
                    case "console":
                        let first = lines.first ?? ""
                        let one = try #require(
                            Self.shown.first { first.hasPrefix($0.block) }, "\(page): who runs \(first)?")
                        let text = try Files.read("\(Files.root)/\(one.place)")
                        #expect(text.contains(one.words), "\(page): \(first): \(one.place) has not: \(one.words)")
                        used.insert(one.block)
                    default:
                        let known = ["yaml", "json", "ini", "haproxy", "text"]
                        #expect(known.contains(language), "\(page): a block of \(language)")
                    }
                }
            }
            #expect(used == Set(Self.shown.map(\.block)))
        }

        @Test("The table of contents names every page of the handbook, and every page of it is there")
        func contents() throws {
            let folder = Files.root + "/docs"
            let text = try Files.read(folder + "/README.md")
            for name in Files.list(folder) where name.hasSuffix(".md") && name != "README.md" {
                #expect(text.contains("(\(name)"), "\(name) is not in docs/README.md")
            }
            for match in text.matches(of: /\]\(([^)#]+)/) {
                #expect(Files.exists("\(folder)/\(match.output.1)"), "docs/README.md: \(match.output.1)")
            }
        }

        /// - Parameter environment: beside the path to the programs.
        static func run(_ pages: [String], environment: [String: String] = [:]) async throws {
            let base = try Files.makeTemporaryFolder()
            defer {
                Files.killProcesses(below: base)
                Files.removeTree(base)
            }
            // What a page leaves running works in this folder, and is found by its being below the other.
            let folder = base + "/page"
            try Files.makeFolder(folder)
            for name in ["examples", "packaging"] {
                try Files.link("\(folder)/\(name)", to: "\(Files.root)/\(name)")
            }
            let path = "\(Files.programs):/usr/local/bin:/usr/sbin:/usr/bin:/bin"
            let result = try await ChildProcess.run(
                "/usr/bin/python3",
                ["\(Files.root)/Tests/EndToEnd/Harness/page.py", folder] + pages.map { "\(Files.root)/\($0)" },
                environment: environment.merging(["PATH": path]) { one, _ in one }, folder: base)
            #expect(result.status == 0, "\(result.errors.suffix(3000))\n\(result.output.suffix(1500))")
            #expect(result.output.hasSuffix("every line was run\n"), "\(result.output.suffix(500))")
        }
    }
}
