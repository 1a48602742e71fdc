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
            "examples/static-site/README.md", "examples/greeting-deb/README.md", "README.md",
        ]
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

        @Test("Commands stand nowhere in these pages but in blocks that are run")
        func everyBlock() throws {
            for page in Self.pages where page != "README.md" {
                let text = try Files.read("\(Files.root)/\(page)")
                var isInside = false
                for line in text.split(separator: "\n") where line.hasPrefix("```") {
                    isInside.toggle()
                    #expect(!isInside || ["```sh", "```yaml", "```json"].contains(line), "\(page): \(line)")
                }
            }
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
