import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// Proposes a change of keys and, where a key file is given, signs it at once.
struct KeyChange {
    var signing: SigningOptions

    func run(_ edits: [RoleEdit], reason: String, output: OutputOptions) async throws {
        try output.print(
            await signing.connection.withClient { client in try await run(edits, reason: reason, client) })
    }

    @discardableResult
    func run(
        _ edits: [RoleEdit], reason: String, keys: [SigningKey]? = nil, _ client: ControllerClient
    ) async throws -> MetadataChangeView? {
        let request = MetadataChangeRequest(edits: try edits.map { try JSONCoding.value(of: $0) }, reason: reason)
        guard let change = try await client.propose(request).items.first else {
            Talk.say("Done: the controller had all the keys that it takes, or it was so already.")
            return nil
        }
        guard keys != nil || !signing.keyFile.files.isEmpty else {
            Talk.say(
                "Proposed as \(change.id): \(change.summary). Sign it with: slipway keys sign \(change.id) --key-file F"
            )
            return change
        }
        return try await signing.signing(client, keys: keys).run(change)
    }
}
