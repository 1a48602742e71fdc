import ReleaseDefinition

/// What the director calls one host by: the payload of a DSSE envelope. All labels at once, so that what was taken away is
/// gone. It names no release and no program: it only says what an approved release is told of its host.
public struct LabelWord: Sendable, Equatable, Codable {
    public static let payloadType = "application/vnd.slipway.labels+json"

    public var host: HostID
    public var environment: EnvironmentName
    public var labels: [String: String]
    /// The sequence of the controller's log when it was said: never falls for a host.
    public var counter: Int64

    public init(host: HostID, environment: EnvironmentName, labels: [String: String], counter: Int64) {
        self.host = host
        self.environment = environment
        self.labels = labels
        self.counter = counter
    }
}

/// A word whose signatures, host and environment were checked. Only `TrustedMetadata` makes one.
public struct VerifiedLabels: Sendable, Equatable {
    public let word: LabelWord
    /// The ids of the keys that speak for the director now, in their order: counters are compared within one director.
    public let director: [String]
}

extension TrustedMetadata {
    /// Needs no unexpired metadata: nothing is installed upon it. The caller keeps the word with the highest counter.
    /// - Throws: `trust.envelope.…`, `trust.labels.…`, `trust.assignment.noDirector`, `trust.order`.
    public func verify(
        labels envelope: JSONValue, for host: HostID, environment: EnvironmentName
    ) throws(TrustError) -> VerifiedLabels {
        let director = try requireDirector()
        let payload = try DSSEEnvelope(json: envelope).verify(
            type: LabelWord.payloadType, keys: director.keys, threshold: director.threshold)
        let word: LabelWord
        do {
            word = try JSONCoding.decode(LabelWord.self, from: payload)
        } catch let error {
            throw .labels("form", "their payload is no word on labels", cause: "\(error)")
        }
        guard word.counter >= 0, HostLabels.areGood(word.labels) else {
            throw .labels("form", "they are more or others than a host can be called by")
        }
        let isForThisHost = word.host == host && word.environment == environment
        guard TrustCheck.labelsAudience.holds(isForThisHost) else {
            throw .labels("notAddressed", "they are of \(word.host) in \(word.environment), this is \(host)")
        }
        return VerifiedLabels(word: word, director: director.keys.map(\.keyID).sorted())
    }
}

extension TrustError {
    fileprivate static func labels(_ why: String, _ what: String, cause: String? = nil) -> TrustError {
        TrustError(
            code: "labels.\(why)", summary: "The labels were refused: \(what).",
            remedy: "The host keeps those that it had. See who runs the controller.", cause: cause)
    }
}
