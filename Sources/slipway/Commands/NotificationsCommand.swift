import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct NotificationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notifications", abstract: "Messages to people and programs: on their way, or given up.",
        subcommands: [NotificationsListCommand.self, NotificationsReplayCommand.self])
}

struct NotificationsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "What is on its way and what was given up, with the last error.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let view = try await connection.withClient { try await $0.notifications() }
        Talk.say("\(view.delivered) delivered.")
        try output.print(view.items.map(NotificationPresentation.init))
    }
}

struct NotificationsReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Send again what was given up; receivers know it by its id.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Of this sink of notifications.json only.")
    var sink: String?

    func run() async throws {
        let request = NotificationReplayRequest(sink: sink)
        let view = try await connection.withClient { try await $0.replayNotifications(request) }
        try output.print(view.items.map(NotificationPresentation.init))
    }
}

struct NotificationPresentation: Presentable {
    var notification: NotificationView

    static let columns = ["SINK", "ID", "TYPE", "STATE", "TRIES", "ERROR", "TEXT"]
    var cells: [String] {
        [
            notification.sink, notification.id, notification.type,
            notification.isDead ? "given up" : "next \(notification.nextAt?.wholeSeconds.description ?? "-")",
            String(notification.attempts), notification.lastError ?? "-", notification.text,
        ]
    }
    var name: String { notification.id }
    func encode(to encoder: any Encoder) throws { try notification.encode(to: encoder) }
}
