import NIOPosix
import ReleaseDefinition
import Synchronization

/// Hears that somebody wrote to the log: LISTEN on a connection, and a thread, of its own. Once a second it counts as
/// heard in any case, so that a notification that was lost costs no more.
final class LogListener: Sendable {
    private let address: String
    private let connection = Mutex<PostgresConnection?>(nil)
    private let thread = NIOThreadPool(numberOfThreads: 1)

    init(_ store: PostgresStore) {
        address = store.address
        thread.start()
    }

    /// Returns when there may be news.
    /// - Throws: where the database is away.
    func wait() async throws {
        try await thread.runIfActive {
            try self.connection.withLock { connection in
                do {
                    let listening = try connection ?? Self.listen(self.address)
                    connection = listening
                    _ = try listening.waitForNotification(.seconds(1))
                } catch {
                    connection = nil
                    throw error
                }
            }
        }
    }

    func stop() async { try? await thread.shutdownGracefully() }

    private static func listen(_ address: String) throws -> PostgresConnection {
        let connection = try PostgresConnection(address)
        try connection.run("LISTEN slipway")
        return connection
    }
}
