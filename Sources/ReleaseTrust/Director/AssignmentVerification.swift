import ReleaseDefinition

// The director's authority: trust.md "Assignment", "What must hold" 1 and 3.

extension TrustedMetadata {
    /// The director's word, checked: signatures by the keys that top-level targets name, environment, audience, time and
    /// counter. Enough for an order to back out; works with expired metadata, because going back needs no new approval.
    /// - Parameter highestCounter: the highest counter accepted so far on this host for this environment and product. An
    ///   equal one passes: it is the same word heard twice, and an order is carried out once.
    /// - Throws: `trust.envelope.…`, `trust.assignment.…`, `trust.order`.
    public func verify(
        assignment envelope: JSONValue, for host: HostID, environment: EnvironmentName, highestCounter: Int64 = 0,
        at now: UTCInstant
    ) throws(TrustError) -> VerifiedAssignment {
        let assignment = try signedAssignment(envelope, environment: environment, at: now)
        guard TrustCheck.assignmentCounter.holds(assignment.counter >= highestCounter) else {
            throw .assignment(
                "replayed", "its counter \(assignment.counter) is below \(highestCounter), which was accepted before",
                remedy: "Nothing was done. If the controller was restored from a backup, advance its counter.")
        }
        if let notBefore = assignment.notBefore, !TrustCheck.assignmentEarly.holds(notBefore <= now) {
            throw .assignment(
                "early", "it is not valid before \(notBefore), now it is \(now)",
                remedy: "Nothing was done; it is heard again later. See that this host's clock is right.")
        }
        guard TrustCheck.assignmentAudience.holds(assignment.addresses(host: host)) else {
            throw .assignment(
                "notAddressed", "\(assignment.order) is not meant for \(host)",
                remedy: "Nothing was done. On a channel this is normal: this host's turn may come.")
        }
        return VerifiedAssignment(assignment: assignment)
    }

    /// What an assignment revokes, whether or not this host is addressed. The caller keeps the list with the highest
    /// counter.
    /// - Throws: as `verify`, save for audience, counter and start.
    public func verifyRevocations(
        assignment envelope: JSONValue, environment: EnvironmentName, at now: UTCInstant
    ) throws(TrustError) -> VerifiedRevocations {
        let assignment = try signedAssignment(envelope, environment: environment, at: now)
        return VerifiedRevocations(assignment, director: (topTargets?.director?.keys ?? []).map(\.keyID).sorted())
    }

    private func signedAssignment(
        _ envelope: JSONValue, environment: EnvironmentName, at now: UTCInstant
    ) throws(TrustError) -> Assignment {
        let director = try requireDirector()
        let payload = try DSSEEnvelope(json: envelope).verify(
            type: Assignment.payloadType, keys: director.keys, threshold: director.threshold)
        let assignment = try Assignment(payload: payload)
        guard TrustCheck.assignmentEnvironment.holds(assignment.environment == environment) else {
            throw .assignment(
                "environment", "it is for environment \(assignment.environment), this host is in \(environment)",
                remedy: "Nothing was done. A host's environment is pinned at enrolment.")
        }
        let ownPath = TargetPath.manifest(assignment.place, assignment.release)
        guard TrustCheck.assignmentPath.holds(assignment.targetPath.utf8.elementsEqual(ownPath.utf8)) else {
            throw .assignment(
                "targetPath",
                "its target \(assignment.targetPath.debugDescription) is not where \(assignment.release) is approved",
                remedy: "Nothing was done. See who runs the controller.")
        }
        guard TrustCheck.assignmentUnexpired.holds(assignment.expiresAt > now) else {
            throw .assignment(
                "expired", "\(assignment.order) expired at \(assignment.expiresAt), now it is \(now)",
                remedy: "Nothing was done. The controller renews what is still wanted; see that the clocks agree.")
        }
        return assignment
    }

    /// Who signs for the director now.
    func requireDirector() throws(TrustError) -> DirectorKeys {
        guard let targets = topTargets else { throw Self.outOfOrder("No targets metadata was read yet") }
        guard let director = targets.director else {
            throw .assignment(
                "noDirector", "targets version \(targets.file.version) names no director",
                remedy: "Nothing was done. Publish targets metadata with the director's keys.")
        }
        return director
    }
}

extension Assignment {
    /// - Throws: `trust.assignment.form`.
    init(payload: [UInt8]) throws(TrustError) {
        do {
            self = try JSONCoding.decode(Assignment.self, from: payload)
        } catch let error {
            throw .assignment("form", "its payload is no assignment", remedy: "Nothing was done.", cause: "\(error)")
        }
        guard counter >= 0 else {
            throw .assignment("form", "its counter is \(counter)", remedy: "Nothing was done.")
        }
        let takenBack = takenBack ?? []
        let isBackOut = takenBack.allSatisfy { one in
            one.order.action == .backOut && one.release.product == release.product && revoked.contains(one.manifest)
                && one.hosts.count <= TakenBackRelease.hostsMax
        }
        guard isBackOut, takenBack.count <= TakenBackRelease.countMax else {
            throw .assignment(
                "form", "it takes back a release that it does not revoke, of another product, or too many",
                remedy: "Nothing was done.")
        }
        if rehearses == true {
            guard case .host = audience, order.action == .install else {
                throw .assignment(
                    "form", "it has more than one host rehearse, or orders no installation",
                    remedy: "Nothing was done.")
            }
        }
        let patches = patches ?? []
        guard patches.count <= AssignedPatch.countMax,
            patches.allSatisfy({ (1...AssignedPatch.lengthMax.value).contains($0.length.value) })
        else {
            throw .assignment("form", "it lists \(patches.count) patches, or one too long", remedy: "Nothing was done.")
        }
    }
}

extension TrustError {
    static func assignment(_ why: String, _ what: String, remedy: String, cause: String? = nil) -> TrustError {
        TrustError(
            code: "assignment.\(why)", summary: "The assignment was refused: \(what).", remedy: remedy, cause: cause)
    }
}
