import Effects
import ReleaseDefinition

/// What the root half asks of a unit that it just started, over a socket that only root reaches, and what it hears. Each is
/// the contents of a file in memory: an environment may be longer than a message.
enum TransientStep {
    enum Order: Codable, Sendable {
        /// Run it to its end, and say how it ended. When the connection ends first, whatever it started is killed.
        case run(command: ProcessCommand)
        /// Become it. With a second message that brings the log.
        case become(command: ProcessCommand)
    }

    enum Word: Codable, Sendable {
        case ended(result: ProcessResult)
        case failed(error: ReportedError)
    }

    /// A message without meaning of its own: the file beside it is what is said.
    static let carrier: [UInt8] = Array("step".utf8)
    private static let sizeMax = ByteCount(4 << 20)

    static func send(_ value: some Encodable, over socket: LocalSocket) throws {
        try socket.send(carrier, OpenFile.inMemory(JSONCoding.value(of: value).wireBytes))
    }

    /// nil: the other end is gone.
    static func receive<Value: Decodable>(_ type: Value.Type, from socket: LocalSocket) async throws -> Value? {
        guard let message = try await socket.receive() else { return nil }
        guard let file = message.file else {
            throw AgentError(
                code: "step.form", summary: "A step said nothing that is understood.",
                remedy: "Both must be of one version: restart the agent.")
        }
        return try JSONCoding.decode(type, from: file.readReceived(sizeMax: sizeMax))
    }
}
