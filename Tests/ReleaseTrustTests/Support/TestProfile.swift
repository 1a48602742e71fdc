import ReleaseDefinition

@testable import ReleaseTrust

/// A profile in which people hold keys: who they are and how many must sign.
struct TestProfile: Sendable, CustomStringConvertible {
    var description: String
    var rootThreshold: Int
    var approversThreshold: Int
    var keys: RepositoryKeys

    static let team = TestProfile("team", root: (2, 2), approvers: (2, 3))
    static let regulated = TestProfile("regulated", root: (3, 5), approvers: (2, 4))

    private init(_ name: String, root: (Int, of: Int), approvers: (Int, of: Int)) {
        func keys(_ role: String, _ count: Int) -> [SigningKey] {
            (1...count).map { TestKeys.key("\(name)-\(role)-\($0)") }
        }
        description = name
        rootThreshold = root.0
        approversThreshold = approvers.0
        self.keys = RepositoryKeys(
            root: keys("root", root.of), targets: keys("targets", 1), approvers: keys("approver", approvers.of),
            emergency: keys("emergency", 2), snapshot: keys("snapshot", 1), timestamp: keys("timestamp", 1),
            director: keys("director", 1))
    }

    private func signers(_ keys: [SigningKey], _ threshold: Int = 1) -> RoleSigners {
        RoleSigners(
            keys.map { KeyHolder(name: String($0.publicKey.keyID.prefix(12)), key: $0.publicKey) }, threshold: threshold
        )
    }

    func repository() throws -> TestRepository {
        let setup = RepositorySetup(
            root: signers(keys.root, rootThreshold), targets: signers(keys.targets), snapshot: signers(keys.snapshot),
            timestamp: signers(keys.timestamp), director: signers(keys.director),
            products: ProductSigners(
                approvers: signers(keys.approvers, approversThreshold), emergency: signers(keys.emergency, 2)))
        return try TestRepository(setup, keys: keys)
    }
}
