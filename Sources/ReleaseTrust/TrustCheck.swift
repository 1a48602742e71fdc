/// Every check that stands between a file and being believed, by name.
///
/// A test removes one at a time (`removed`, in debug builds only) and asserts that an attack then gets through: a check
/// without such a test is not known to work. Messages and codes stand where the check is made.
enum TrustCheck: String, CaseIterable, Sendable {
    // Form and keys. TUF 4.2, 4.3; trust.md "Details that implementers miss".
    case fileSize, fileType, specVersion
    case keyIsHash, keyIsStrong, keyIsCanonical, keyAlgorithm
    case thresholdIsPositive, keySignsOnce, keyCountsOnce, signatureIsValid, threshold

    // The client workflow. TUF 5.3 to 5.6.
    case rootSignedByOld, rootSignedBySelf, rootIsNext, rootUnexpired, rotationForgets
    case timestampRollback, timestampNamesOlder, timestampUnexpired
    case snapshotAsNamed, snapshotVersion, snapshotNamesOlder, snapshotVanished, snapshotUnexpired
    case targetsAsNamed, targetsVersion, targetsUnexpired, directorApart

    // The search and the target. TUF 5.6.7, 5.7.
    case delegationEdge, delegationPath, delegationTerminates, rolesVisited, starStopsAtSlash
    case targetLength, targetHash, targetName

    // The director and both authorities together. trust.md "What must hold".
    case directorSigned, payloadType, assignmentEnvironment, assignmentPath, assignmentUnexpired, assignmentCounter
    case assignmentEarly, assignmentAudience, labelsAudience
    case sameManifest, productRole, notRevoked, notWithdrawn, floor, hotFixEnds

    #if DEBUG
        /// For tests: the one check that is left out.
        @TaskLocal static var removed: TrustCheck?
    #endif

    /// The condition itself; in a test that removed this check, true.
    func holds(_ condition: @autoclosure () -> Bool) -> Bool {
        #if DEBUG
            if Self.removed == self { return true }
        #endif
        return condition()
    }

    /// TUF 5.3.10, 5.4.4, 5.5.6, 5.6.5.
    static func unexpired(role: String) -> TrustCheck {
        switch role {
        case RootMetadata.name: .rootUnexpired
        case TimestampMetadata.name: .timestampUnexpired
        case SnapshotMetadata.name: .snapshotUnexpired
        default: .targetsUnexpired
        }
    }

    /// TUF 5.5.2, 5.6.2.
    static func asNamed(role: String) -> TrustCheck {
        role == SnapshotMetadata.name ? .snapshotAsNamed : .targetsAsNamed
    }
}
