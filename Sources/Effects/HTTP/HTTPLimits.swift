import ReleaseDefinition

/// What a transfer may cost, apart from what each request says.
struct HTTPLimits: Sendable {
    /// TCP and TLS until the connection stands.
    var connect: TimeSpan = .seconds(10)
    /// While a body is awaited, this much must arrive in each window, or the transfer is given up: a peer that sends a
    /// byte now and then must not hold a place for ever. Time that our own side takes to use the bytes does not count.
    var window: TimeSpan = .seconds(30)
    var windowBytesMin = 30 << 10
    /// One line of an event stream, and one event.
    var eventSizeMax = 4 << 20
    /// Events that wait for a slow reader before the sender is held back.
    var eventsWaitingMax = 64
}
