/// A step's place in the trace of its rollout, in the form that tracing tools pass on. Controller and agent compute it
/// alike from the order, so it needs no place on the wire: one search finds what both of them and the hooks did.
///
/// Source: W3C Trace Context 3.2, `traceparent`.
public struct TraceParent: Sendable, Hashable, CustomStringConvertible {
    /// 32 hexadecimal digits: of the rollout.
    public let traceID: String
    /// 16 hexadecimal digits: of the order, or of the rollout itself.
    public let spanID: String

    public init(_ rollout: RolloutID) { self.init(rollout, "rollout") }
    public init(_ order: OrderID) { self.init(order.rollout, order.description) }

    private init(_ rollout: RolloutID, _ span: String) {
        traceID = String(SHA256Digest(of: Array("trace of \(rollout)".utf8)).hex.prefix(32))
        spanID = String(SHA256Digest(of: Array("span of \(rollout) \(span)".utf8)).hex.prefix(16))
    }

    /// Version 00, sampled.
    public var description: String { "00-\(traceID)-\(spanID)-01" }
}
