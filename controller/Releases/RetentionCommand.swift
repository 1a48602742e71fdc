import ArgumentParser
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

    @Option(help: "Folder of the controller.")
    var dir: String
    @Option(
        help: "Of each product and environment so many of the newest stay. Without: as in controller.json, else 10.")
    var keep: Int?
    @Option(help: "Younger ones stay. Without: as in controller.json, else 90d.")
    var age: String?

    func run() async throws {
        var folder = try ControllerDirectory.open(dir)
        let configuration = try folder.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        folder.sharedRepository = configuration.repository
        let rules = RetentionRules(
            keep: keep ?? configuration.retention?.keep ?? RetentionRules.keepDefault,
            age: try age.map { try TimeSpan($0) } ?? configuration.retention?.age ?? RetentionRules.ageDefault)
        try rules.check()
        let store = try configuration.openStore(folder)
        var state = FleetState()
        try store.replay(event: { state.apply($0) }, report: { state.apply($0) })
        try store.close()
        let blobs = BlobStore(try folder.repository().directory("blobs"))
        let patches = try PatchMemory.read(folder.directory, blobs).values.joined().map(\.sha256)
        let sweep = try PackageSweep(state, rules, blobs, patches: Set(patches), at: SystemTime().now())
        for line in Self.lines(sweep) { try ControllerCommand.show(line) }
        let isOn = configuration.retention != nil
        try ControllerCommand.show(
            "\(sweep.removals.count.of("package")) with \(sweep.size) of their own would be removed, keeping \(rules.keep) "
                + "and \(rules.age)."
                + (isOn ? "" : " Nothing is removed by itself: controller.json has no retention."))
    }

    static func lines(_ sweep: PackageSweep) -> [String] {
        let kept = sweep.retention.kept.map { ($0.key.description, "keep    \($0.key)  \($0.value)") }
        let gone = sweep.retention.going.map { name in
            guard let blobs = sweep.removals[name] else {
                return (name.description, "gone    \(name)  nothing of its own is left")
            }
            let size = ByteCount(blobs.reduce(Int64(0)) { $0 + $1.length.value })
            return (name.description, "remove  \(name)  \(size)")
        }
        return (kept + gone).sorted { $0.0 < $1.0 }.map(\.1)
    }
}
