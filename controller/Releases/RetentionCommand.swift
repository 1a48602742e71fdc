import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleasePackaging

struct RetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "Say which packages would be removed, and why the others stay. Removes nothing.",
        discussion: """
            The controller removes them by itself, once a day, where controller.json has a member retention, as \
            {"keep": 10, "age": "90d"}. It may run meanwhile.
            """)

    @Option(help: "Folder of the controller.", transform: Directory.named)
    var dir: String
    @Option(
        help: "Of each product and environment so many of the newest stay. Without: as in controller.json, else 10.")
    var keep: Int?
    @Option(help: "Younger ones stay. Without: as in controller.json, else 90d.")
    var age: String?
    @Option(help: "table or json.")
    var output = AnswerFormat.table

    func run() async throws {
        var folder = try ControllerDirectory.open(dir)
        let configuration = try folder.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        folder.sharedRepository = configuration.repository
        var rules = configuration.retention ?? .usual
        rules.keep = keep ?? rules.keep
        if let age { rules.age = try TimeSpan(age) }
        try rules.check()
        let store = try configuration.openStoreToRead(folder)
        var state = FleetState()
        try store.replay(event: { state.apply($0) }, report: { state.apply($0) })
        try store.close()
        let blobs = BlobStore(try folder.repository().directory("blobs"))
        let patches = try PatchMemory.read(folder.directory, blobs).values.joined().map(\.sha256)
        let sweep = try PackageSweep(state, rules, blobs, patches: Set(patches), at: SystemTime().now())
        let view = sweep.view(rules, isOn: configuration.retention != nil)
        try ControllerCommand.answer(view, output, words: (Self.lines(view) + [view.words]).joined(separator: "\n"))
    }

    static func lines(_ view: RetentionView) -> [String] {
        view.packages.map { package in
            switch package.state {
            case .kept: "keep    \(package.release)  \(package.reason ?? "")"
            case .going: "remove  \(package.release)  \(package.size ?? ByteCount(0))"
            case .gone: "gone    \(package.release)  nothing of its own is left"
            }
        }
    }
}
