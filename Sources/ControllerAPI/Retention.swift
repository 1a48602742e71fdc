import ReleaseDefinition

/// `GET /v1/retention`: which packages the repository keeps, why, and which go with the next sweep.
public struct RetentionView: Sendable, Equatable, Codable {
    /// Of each product, and of each product in each environment, so many of the newest stay.
    public var keep: Int
    /// What was submitted, approved or rolled out within this time stays.
    public var age: TimeSpan
    /// Whether the controller removes anything by itself. false: what would go by these rules.
    public var isOn: Bool
    /// Of the packages that go, each byte counted once.
    public var size: ByteCount
    /// By release.
    public var packages: [RetainedPackage]

    public init(keep: Int, age: TimeSpan, isOn: Bool, size: ByteCount, packages: [RetainedPackage]) {
        self.keep = keep
        self.age = age
        self.isOn = isOn
        self.size = size
        self.packages = packages
    }

    /// In a sentence, or two.
    public var words: String {
        let going = packages.count { $0.state == .going }
        return "\(going.of("package")) with \(size) of their own would be removed, keeping \(keep) and \(age)."
            + (isOn ? "" : " Nothing is removed by itself: controller.json has no retention.")
    }
}

/// One release's package in the repository.
public struct RetainedPackage: Sendable, Equatable, Codable {
    public enum State: String, Sendable, Codable, CaseIterable {
        case kept
        /// With the next sweep.
        case going
        /// Nothing of its own is left.
        case gone
    }

    public var release: ReleaseName
    public var state: State
    /// Of one that is kept: one reason of perhaps several.
    public var reason: String?
    /// Of one that goes: what only such packages have.
    public var size: ByteCount?

    public init(release: ReleaseName, state: State, reason: String? = nil, size: ByteCount? = nil) {
        self.release = release
        self.state = state
        self.reason = reason
        self.size = size
    }
}
