import ArgumentParser
import DefinitionFiles
import Effects
import ReleaseDefinition

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Write a release.yaml from an appspec.yml of AWS CodeDeploy.",
        discussion: """
            Reads FILE and what it names beside it, and writes release.yaml into the same folder. What has no like here is not \
            taken over silently: it is said, stands as a comment at the top of the file, and in notes of --output json.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var replacing: OutputFileOptions

    @Argument(help: "The appspec.yml, in the folder of its bundle.", completion: .file(extensions: ["yml", "yaml"]))
    var file: String

    @Option(help: "The product; as the folder is called, if left out.", transform: { try ProductName($0) })
    var product: ProductName?

    @Option(
        name: .customLong("release-version"), help: "The version; 1.0, if left out.",
        transform: { try ReleaseVersion($0) })
    var version: ReleaseVersion?

    func run() async throws {
        let folder = Directory.split(file).folder
        let spec = try AppSpecFile.parse(try InputFile.read(file), file: file)
        let bundle = try Directory.open(folder)
        let imported = try ImportedRelease(
            spec, product: try product ?? ReleaseDraftCommand.product(of: folder),
            version: version ?? ReleaseVersion("1.0"), owner: await DraftOwner.current(in: bundle), bundle: bundle)
        let path = folder + "/" + ReleaseFolder.definitionName
        let text = Array(imported.text.utf8)
        let definition = try ReleaseFile.parse(text, file: path)
        try OutputFile(path, force: replacing.force).write { try $0.write(text) }
        for note in imported.notes { Talk.say("note: \(note)") }
        try output.print(
            ImportView(
                file: path, release: definition.name, units: definition.units.map(\.name), hooks: imported.taken,
                notes: imported.notes))
    }
}

/// A release.yaml as near to an appspec as it can be.
struct ImportedRelease {
    private(set) var text = ""
    /// What is not, or not quite, as it was.
    private(set) var notes: [String] = []
    /// Where each script went.
    private(set) var taken: [ImportView.Hook] = []
    private let bundle: Directory

    private static let moments: [AppSpec.Event: HookMoment] = [
        .applicationStop: .stop, .beforeInstall: .preStart, .afterInstall: .preStart, .applicationStart: .start,
        .validateService: .postHealthy,
    ]
    private static let variables = [
        "LIFECYCLE_EVENT", "DEPLOYMENT_ID", "APPLICATION_NAME", "DEPLOYMENT_GROUP_NAME", "DEPLOYMENT_GROUP_ID",
    ]

    init(
        _ spec: AppSpec, product: ProductName, version: ReleaseVersion, owner: String, bundle: Directory
    ) throws {
        self.bundle = bundle
        let sources = try spec.files.filter { try isFolder($0) }
        guard !sources.isEmpty else {
            throw CommandError(
                code: "import.files", summary: "The appspec names no folder to install.",
                remedy: "Put its files into folders, name these as sources, and import it again.")
        }
        let hooks = self.hooks(of: spec)
        if sources.count > 1, !taken.isEmpty {
            notes.append(
                "The scripts are hooks of the last unit: the files of the others are in place before it is stopped.")
        }
        if !spec.permissions.isEmpty {
            notes.append(
                "permissions (\(spec.permissions.joined(separator: ", "))) are not taken: write attributes of the unit."
            )
        }
        let units = sources.enumerated().map { number, files in
            """
              - name: \(Self.name(of: files, number))
                type: file
                source: \(ReleaseDraft.quoted(files.source))
                installTo: \(ReleaseDraft.quoted(files.destination))
            \(number == sources.count - 1 ? hooks : "")    health: none
            """
        }
        text = """
            # Imported from an appspec.yml. docs/from-codedeploy.md says what became of what.
            \(notes.map { "# - \(Self.comment($0))\n" }.joined())product: \(product)
            version: "\(version)"
            category: major
            summary: Imported from CodeDeploy
            owner: \(ReleaseDraft.quoted(owner))
            units:
            \(units.joined(separator: "\n"))

            """
    }

    private mutating func isFolder(_ files: AppSpec.Files) throws -> Bool {
        if files.source == "." { return true }
        switch try bundle.status(files.source)?.kind {
        case .directory: return true
        case nil: notes.append("The source \(files.source) is not there, and is not taken.")
        default:
            notes.append(
                "The source \(files.source) is no folder, and is not taken: put it into one of its own and add a unit.")
        }
        return false
    }

    /// The lines of a unit.
    private mutating func hooks(of spec: AppSpec) -> String {
        var found: [HookMoment: AppSpec.Script] = [:]
        for event in AppSpec.Event.allCases {
            let scripts = spec.scripts.filter { $0.event == event }
            guard let script = scripts.first else { continue }
            guard let moment = Self.moments[event] else {
                notes.append(
                    "\(event.rawValue) is not taken: see the hooks drain and undrain, which talk to the load balancer.")
                continue
            }
            guard scripts.count == 1 else {
                notes.append("\(event.rawValue) has \(scripts.count) scripts and is not taken: join them into one.")
                continue
            }
            if let other = found[moment] {
                notes.append(
                    "\(event.rawValue) is not taken: \(moment.rawValue) is \(other.event.rawValue) already; join the two."
                )
                continue
            }
            if event == .beforeInstall {
                notes.append("BeforeInstall became preStart: it runs when the new files are in place, not before.")
            }
            found[moment] = script
        }
        for (one, other) in [(HookMoment.start, HookMoment.stop), (.stop, .start)] where found[other] == nil {
            guard let script = found.removeValue(forKey: one) else { continue }
            notes.append(
                "\(script.event.rawValue) is not taken: a service has a start and a stop, and there is no \(other.rawValue)."
            )
        }
        guard !found.isEmpty else { return "" }
        var words: [String] = []
        for moment in HookMoment.allCases {
            guard let script = found[moment] else { continue }
            look(at: script)
            taken.append(ImportView.Hook(event: script.event.rawValue, hook: moment, program: script.location))
            words.append("\(moment.rawValue): \(ReleaseDraft.quoted(script.location))")
        }
        words.append("timeout: \(found.values.map(\.timeout).max() ?? .minutes(5))")
        let users = Set(found.values.map { $0.runAs ?? "root" })
        if users.count > 1 {
            notes.append(
                "The scripts run as several users (\(users.sorted().joined(separator: ", "))): hooks of a unit have one, and "
                    + "run as root here.")
        } else if let user = users.first, user != "root" {
            if UnitHooks.isUserName(user) {
                words.append("user: \(user)")
            } else {
                notes.append("\(ReleaseDraft.quoted(user)) is no name of a user: the hooks run as root.")
            }
        }
        return "    hooks: { \(words.joined(separator: ", ")) }\n"
    }

    /// What would only be found out on a host.
    private mutating func look(at script: AppSpec.Script) {
        guard let status = try? bundle.status(script.location), status.kind == .file else {
            return notes.append("\(script.location) (\(script.event.rawValue)) is not there: the build will refuse it.")
        }
        if status.mode & 0o100 == 0 { notes.append("\(script.location) is not executable: chmod +x it.") }
        guard let bytes = try? bundle.read(script.location, sizeMax: ByteCount(1 << 20)) else { return }
        let content = String(decoding: bytes, as: UTF8.self)
        let asked = Self.variables.filter(content.contains)
        if !asked.isEmpty {
            notes.append(
                "\(script.location) reads \(asked.joined(separator: ", ")), which hooks are not given: docs/agent.md, Hooks."
            )
        }
    }

    /// YAML ends a comment at some characters that look like none.
    private static func comment(_ note: String) -> String {
        String(decoding: TerminalText.visible(Array(note.utf8)), as: UTF8.self)
    }

    /// Of `/var/www/html`: html.
    private static func name(of files: AppSpec.Files, _ number: Int) -> UnitName {
        let last = files.destination.split(separator: "/").last.map { $0.lowercased() } ?? ""
        let word = String(last.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
            .split(separator: "-").joined(separator: "-")
        let wanted = number == 0 ? word : "\(word)-\(number + 1)"
        return (try? UnitName(wanted)) ?? UnitName(unchecked: "files-\(number + 1)")
    }
}

struct ImportView: Presentable, Decodable {
    struct Hook: Codable, Equatable {
        /// Of CodeDeploy.
        var event: String
        var hook: HookMoment
        var program: String
    }

    var file: String
    var release: ReleaseName
    var units: [UnitName]
    var hooks: [Hook]
    /// What is not, or not quite, as it was: a person decides on each.
    var notes: [String]

    static let columns = ["FILE", "RELEASE", "UNITS", "HOOKS", "NOTES"]
    var cells: [String] {
        [
            file, release.description, units.map(\.text).joined(separator: " "),
            hooks.isEmpty ? "-" : hooks.map { "\($0.event)=\($0.hook.rawValue)" }.joined(separator: " "),
            "\(notes.count)",
        ]
    }
    var name: String { file }
}
