import ReleaseDefinition
import Testing

@testable import ReleaseTrust

/// A host's store and the loop that a shell with I/O would be.
struct TestHost {
    var stored: [String: [UInt8]]
    /// The names asked for by the last refresh, in order.
    private(set) var asked: [String] = []
    static let id = try! HostID("web-1")

    /// Enrolled with the first root.
    init(of repository: TestRepository) throws {
        stored = ["root.json": try #require(repository.served["1.root.json"])]
    }

    @discardableResult
    mutating func refresh(
        from repository: TestRepository, at now: UTCInstant? = nil, targets: [String] = [TestRepository.path("1.0")],
        accepting algorithms: Set<KeyAlgorithm> = .ours
    ) throws -> TrustedMetadata {
        asked = []
        var refresh = try MetadataRefresh(
            stored: stored, at: now ?? repository.now, targets: targets, accepting: algorithms)
        while let request = refresh.nextRequest {
            asked.append(request.fileName)
            guard asked.count < 300 else { throw TestFailure("it asks without end") }
            if let bytes = repository.served[request.fileName] {
                for change in try refresh.receive(bytes) {
                    switch change {
                    case .write(let name, let bytes): stored[name] = bytes
                    case .remove(let name): stored[name] = nil
                    }
                }
            } else {
                guard request.mayBeAbsent else { throw TestFailure("\(request.fileName): 404") }
                try refresh.receiveAbsent()
            }
        }
        return refresh.trusted
    }

    /// The refresh is refused with this code; the refused role's stored file is what it was; the same host then accepts
    /// the honest repository.
    mutating func expectRefusal(
        _ code: String, from attack: TestRepository, at now: UTCInstant? = nil,
        targets: [String] = [TestRepository.path("1.0")], keeping role: String? = nil,
        then honest: TestRepository, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = stored
        let refused = #expect(throws: (any Error).self, sourceLocation: sourceLocation) {
            try refresh(from: attack, at: now, targets: targets).requireTargets(targets)
        }
        #expect((refused as? TrustError)?.code == code, "\(refused as Any)", sourceLocation: sourceLocation)
        #expect(touched(since: before, after: refused) == [], sourceLocation: sourceLocation)
        if let role {
            #expect(stored["\(role).json"] == before["\(role).json"], sourceLocation: sourceLocation)
        }
        #expect(throws: Never.self, sourceLocation: sourceLocation) {
            try refresh(from: honest, targets: targets).requireTargets(targets)
        }
    }
}

extension TestHost {
    /// The stored files that are not what they were, byte for byte, though the update that was refused did not get to
    /// accept them: what was refused leaves no trace, and what was not asked for is as it was.
    func touched(since before: [String: [UInt8]], after refusal: (any Error)?) -> [String] {
        guard let refusal = refusal as? TrustError else { return [] }
        // A role that nobody lists is refused unasked.
        let accepted = Set(
            asked.dropLast(refusal.code == "trust.role.missing" ? 0 : 1)
                .map { String($0.drop { $0.isNumber || $0 == "." }) })
        return Set(before.keys).union(stored.keys).sorted()
            .filter { !accepted.contains($0) && stored[$0] != before[$0] }
    }

    /// An update that a test expects to be refused. Then the trusted files are what they were, and this host believes the
    /// honest owner's next word; where that is not so, the error says that instead.
    mutating func meet(
        _ attack: TestRepository, at now: UTCInstant? = nil, targets: [String] = [TestRepository.path("1.0")],
        recovers: Bool = true
    ) throws {
        let before = stored
        do { try refresh(from: attack, at: now, targets: targets).requireTargets(targets) } catch {
            guard recovers, error is TrustError, TrustCheck.removed == nil else { throw error }
            let touched = touched(since: before, after: error)
            guard touched == [] else { throw TestFailure("the refusal \(error) touched \(touched)") }
            var owner = try TestRepository()
            owner.now = now ?? attack.now
            // Beyond every version that the attack may have used up with the owner's own keys.
            for _ in 0..<2 {
                try owner.rewrite { draft in
                    try draft.writeRoot()
                    try draft.writeTargets()
                    try draft.writeRole("staging-web")
                }
            }
            for _ in 0..<6 { try owner.rewrite { _ in } }
            do { try refresh(from: owner).requireTargets([TestRepository.path("1.0")]) } catch let second {
                throw TestFailure("after \(error) this host does not recover: \(second)")
            }
            throw error
        }
    }
}

struct TestFailure: Error {
    var what: String
    init(_ what: String) { self.what = what }
}

extension TrustedMetadata {
    /// Every target is there and its roles can be used today.
    func requireTargets(_ paths: [String]) throws {
        for path in paths where try target(path) == nil { throw TestFailure("no target \(path)") }
    }
}

/// Expects a refusal with this code.
func expectRefusal(
    _ code: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> some Any
) {
    let refused = #expect(throws: (any Error).self, sourceLocation: sourceLocation) { _ = try body() }
    #expect((refused as? TrustError)?.code == code, "\(refused as Any)", sourceLocation: sourceLocation)
}
