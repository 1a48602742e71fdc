import Testing

/// What a test gives up with.
struct TestFailure: Error, CustomStringConvertible {
    var description: String
}

/// Asks again and again until the answer is yes; a failing question counts as no.
func eventually(
    within limit: Duration = .seconds(60), _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ question: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    var lastError: (any Error)?
    while ContinuousClock.now < end {
        do {
            if try await question() { return }
            lastError = nil
        } catch {
            lastError = error
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    let why = lastError.map { " (\($0))" } ?? ""
    Issue.record("not within \(limit): \(what)\(why)", sourceLocation: sourceLocation)
    throw TestFailure(description: "not within \(limit): \(what)\(why)")
}
