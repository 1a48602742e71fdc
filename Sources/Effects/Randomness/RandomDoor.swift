/// The one source of randomness.
public protocol RandomDoor: Sendable {
    func bytes(_ count: Int) -> [UInt8]
}
