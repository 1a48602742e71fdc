import ReleaseDefinition

/// An assignment whose signatures, environment, audience and time were checked. Only `TrustedMetadata` makes one.
public struct VerifiedAssignment: Sendable, Equatable {
    public let assignment: Assignment

    init(assignment: Assignment) { self.assignment = assignment }
}

/// Manifests that the director revoked for an environment and product. Only `TrustedMetadata` makes one.
public struct VerifiedRevocations: Sendable, Equatable {
    public let environment: EnvironmentName
    public let product: ProductName
    public let manifests: [SHA256Digest]
    public let counter: Int64

    init(_ assignment: Assignment) {
        environment = assignment.environment
        product = assignment.release.product
        manifests = assignment.revoked
        counter = assignment.counter
    }
}
