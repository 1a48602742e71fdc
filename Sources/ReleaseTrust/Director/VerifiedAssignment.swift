import ReleaseDefinition

/// An assignment whose signatures, environment, audience and time were checked. Only `TrustedMetadata` makes one.
public struct VerifiedAssignment: Sendable, Equatable {
    public let assignment: Assignment

    init(assignment: Assignment) { self.assignment = assignment }
}

/// What the director says to all hosts of an environment and product, whomever the order is for: manifests that are
/// revoked, and who leaves them still. Only `TrustedMetadata` makes one.
public struct VerifiedRevocations: Sendable, Equatable {
    public let environment: EnvironmentName
    public let product: ProductName
    public let manifests: [SHA256Digest]
    public let takenBack: [TakenBackRelease]
    public let counter: Int64
    /// The ids of the keys that speak for the director now, in their order: counters are compared within one director.
    public let director: [String]

    init(_ assignment: Assignment, director: [String]) {
        self.director = director
        environment = assignment.environment
        product = assignment.release.product
        manifests = assignment.revoked
        takenBack = assignment.takenBack ?? []
        counter = assignment.counter
    }
}
