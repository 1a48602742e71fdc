import Testing

/// Looks again and again until `condition` holds; fails after `seconds`. For what real processes do in their own time.
func eventually(
    within seconds: Int = 60, _ condition: () async throws -> Bool, location: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("It did not come true within \(seconds) s.", sourceLocation: location)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
