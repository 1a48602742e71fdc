import ReleaseDefinition

public struct TrustedMetadata: Sendable {
    public let startedAt: UTCInstant

    public init(root: [UInt8], at now: UTCInstant) throws(TrustError) {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// The director's word, checked: signatures by the keys that top-level targets name, environment, audience, time.
    /// Enough for an order to back out; works with expired metadata, because going back needs no new approval.
    /// - Parameter highestCounter: the highest counter accepted so far on this host for this environment and product.
    public func verify(
        assignment envelope: JSONValue, for host: HostID, environment: EnvironmentName, highestCounter: Int64 = 0,
        at now: UTCInstant
    ) throws(TrustError) -> VerifiedAssignment {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// What an assignment revokes, whether or not this host is addressed.
    public func verifyRevocations(
        assignment envelope: JSONValue, environment: EnvironmentName, at now: UTCInstant
    ) throws(TrustError) -> VerifiedRevocations {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// Both authorities name the same manifest: the only way to an installation. The look-up of the target must have
    /// been done (`MetadataRefresh.want(target:)`).
    public func authorise(_ verified: VerifiedAssignment, at now: UTCInstant) throws(TrustError) -> AuthorisedRelease {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }
}
