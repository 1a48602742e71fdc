import ArgumentParser
import Effects
import ReleaseDefinition

struct RepositoryPublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Copy the controller's repository to where any web server, or an object store, can serve it.",
        discussion: """
            Repeat it after each change; only what is new is written. A reader of the folder never sees a name that \
            leads nowhere, even if the copy is killed. rclone:REMOTE:PATH is a place that rclone writes to, as a bucket: with \
            the lifetimes for caches that a pull repository needs, and what nobody needs any more stays there.
            """)

    @OptionGroup var output: OutputOptions

    @Option(help: "The controller's folder; a login does not stand in for it.", transform: Directory.named)
    var dir: String?

    @Argument(help: "The folder to publish to, made if it is missing; or rclone:REMOTE:PATH.")
    var destination: String

    func validate() throws {
        guard dir == nil else { return }
        let login = LoginFolder.current().flatMap { try? ClientSettings.read(folder: $0).url }
        let known = login.map { " The login names \($0), whose files are on that machine." } ?? ""
        throw ValidationError(
            "It is the controller's own folder that is copied, and none is named.\(known) Run it on the controller's machine: "
                + "slipway repository publish \(destination.shellWord) --dir DIR")
    }

    func run() async throws {
        guard let dir else { return }
        let source = try Directory.open(dir + "/repository")
        let copy =
            destination.hasPrefix(RclonePublication.prefix)
            ? try await RclonePublication(from: source, to: destination).run()
            : try RepositoryCopy(from: source, to: Directory.create(destination)).run()
        Talk.say("\(destination): \(copy.files) files written (\(copy.bytes)).")
        try output.print(PublishedView(folder: destination, files: copy.files, bytes: copy.bytes))
    }
}

struct PublishedView: Presentable, Decodable {
    /// Or the place, `rclone:REMOTE:PATH`.
    var folder: String
    /// That were written now.
    var files: Int
    /// Of these.
    var bytes: ByteCount

    static let columns = ["FOLDER", "FILES WRITTEN", "SIZE"]
    var cells: [String] { [folder, String(files), bytes.description] }
    var name: String { folder }
}
