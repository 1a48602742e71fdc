import ArgumentParser
import DefinitionFiles
import Effects
import ReleaseDefinition

struct ReleaseDraftCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draft", abstract: "Write a release.yaml for a folder of files, to begin with.",
        discussion: """
            Looks at the folder, and writes DIR/release.yaml, which can be built and submitted as it is: one unit that holds \
            the whole folder, the one program in bin/ as its service, and as its owner whoever git says you are, else \
            your account on this machine. Says what it took for what. Nothing is written over \
            without --force.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var replacing: OutputFileOptions

    @Argument(help: "The folder with the files.", completion: .directory, transform: Directory.named)
    var folder: String

    @Option(help: "The product; as the folder is called, if left out.", transform: { try ProductName($0) })
    var product: ProductName?

    @Option(
        name: .customLong("release-version"), help: "The version; 1.0, if left out.",
        transform: { try ReleaseVersion($0) })
    var version: ReleaseVersion?

    @Option(help: "The program of the service, as a path in the folder, and its arguments.")
    var command: String?

    @Option(help: "An address that answers 200 when the service is well, as http://127.0.0.1:8080/healthz.")
    var health: String?

    func run() async throws {
        let folder = self.folder
        let directory = try Directory.open(folder)
        let text = try ReleaseDraft(
            product: try product ?? Self.product(of: folder), version: version ?? ReleaseVersion("1.0"),
            owner: await DraftOwner.current(in: directory),
            command: try command.map { $0.split(separator: " ").map(String.init) } ?? Self.command(in: directory),
            health: health
        ).text
        let path = folder + "/" + ReleaseFolder.definitionName
        // What is written is what would be read: a draft that is refused later helps nobody.
        let definition = try ReleaseFile.parse(Array(text.utf8), file: path)
        try write(text, to: path)
        try output.print(
            DraftView(file: path, release: definition.name, command: definition.units.first?.service?.words))
    }

    private func write(_ text: String, to path: String) throws {
        try OutputFile(path, force: replacing.force).write { try $0.write(Array(text.utf8)) }
    }

    /// Of `./shop_v2/`: shop-v2.
    static func product(of folder: String) throws -> ProductName {
        let last = (OutputFile.realPath(folder) ?? folder).split(separator: "/").last.map { $0.lowercased() } ?? ""
        let name = String(last.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
            .split(separator: "-").joined(separator: "-")
        // `Grüße` is not gr-e: a name for ever is not made by leaving letters out.
        guard last.allSatisfy({ $0.isASCII || !$0.isLetter }), let product = try? ProductName(name) else {
            throw CommandError(
                code: "draft.product", summary: "The folder's name, \(last.debugDescription), makes no product's name.",
                remedy: "Name it: --product NAME")
        }
        return product
    }

    /// The one program in bin/; nothing where there is none, or a choice.
    static func command(in directory: Directory) throws -> [String]? {
        guard try directory.status("bin")?.kind == .directory else { return nil }
        let programs = try directory.list("bin").filter { entry in
            guard let status = try? directory.status("bin/\(entry.name)") else { return false }
            return status.kind == .file && status.mode & 0o100 != 0
        }
        guard programs.count < 2 else {
            throw CommandError(
                code: "draft.command",
                summary:
                    "There are \(programs.count) programs in bin/: \(programs.map(\.name).joined(separator: ", ")).",
                remedy: "Say which one is the service: --command bin/\(programs[0].name)")
        }
        return programs.first.map { ["bin/\($0.name)"] }
    }
}

/// The text of a first release.yaml.
struct ReleaseDraft {
    var product: ProductName
    var version: ReleaseVersion
    /// Who answers for it: `DraftOwner`.
    var owner: String
    var command: [String]?
    var health: String?

    /// A third of what holds where nothing is said: whoever begins tries it on a few hosts, and watches.
    static let minimumHealthy = TimeSpan.seconds(10)

    var text: String {
        let service = command.map { words in
            "    service: { command: [\(words.map(Self.quoted).joined(separator: ", "))] }\n"
        }
        let check = health.map {
            "    health:\n      - { http: \(Self.quoted($0)), status: 200, every: 1s, timeout: 2s }\n"
        }
        // Where nothing is asked, nothing is waited for.
        let patience =
            command == nil && health == nil
            ? ""
            : "    # So long its checks must pass on a host before the next host begins.\n    minimumHealthy: \(Self.minimumHealthy)\n"
        return """
            # What this release is. docs/definition-files.md has every key.
            product: \(product)
            version: "\(version)"
            category: major
            summary: The first release of \(product)
            owner: \(Self.quoted(owner))
            units:
              - name: \(product)
                type: tree
                source: .
                installTo: /opt/\(product)
            \(service ?? "")\(check ?? "    health: none\n")\(patience)
            """
    }

    /// A text of JSON is one of YAML.
    static func quoted(_ word: String) -> String {
        String(decoding: JSONValue.string(word).wireBytes, as: UTF8.self)
    }
}

struct DraftView: Presentable, Decodable {
    var file: String
    var release: ReleaseName
    /// nil: no service, files alone.
    var command: [String]?

    static let columns = ["FILE", "RELEASE", "SERVICE"]
    var cells: [String] { [file, release.description, command?.joined(separator: " ") ?? "none: files alone"] }
    var name: String { file }
}

extension ServiceDefinition {
    var words: [String]? { if case .command(let words) = self { words } else { nil } }
}
