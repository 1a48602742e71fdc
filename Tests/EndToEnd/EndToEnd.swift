import Testing

/// Real processes of all three programs on loopback, each test with a fleet of its own. One after the other: they have
/// deadlines, and the machine's processors are theirs meanwhile.
@Suite(.serialized)
enum EndToEnd {}
