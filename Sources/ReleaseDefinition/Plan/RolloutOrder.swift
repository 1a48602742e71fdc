/// In which order several rollouts go, as their releases require one another. Those that nothing ties keep the order in
/// which they were given.
public enum RolloutOrder {
    public struct Member: Sendable {
        public var release: ReleaseName
        public var environment: EnvironmentName
        public var requires: [ProductRequirement]

        public init(release: ReleaseName, environment: EnvironmentName, requires: [ProductRequirement]) {
            self.release = release
            self.environment = environment
            self.requires = requires
        }
    }

    public struct Step: Sendable, Equatable, Codable {
        /// From 1: those with the same may go at the same time.
        public var step: Int
        public var release: ReleaseName
        public var environment: EnvironmentName
        /// What must have ended well before.
        public var after: [ReleaseName]
    }

    public static let membersMax = 100

    /// - Throws: `definition.order.…`: a release twice, one that brings what another one cannot have, or a ring.
    public static func steps(_ members: [Member]) throws(DefinitionError) -> [Step] {
        guard members.count <= membersMax else {
            throw DefinitionError(
                code: "order.count", summary: "\(members.count) rollouts are given, at most \(membersMax) are ordered.",
                remedy: "Order fewer at once.")
        }
        var before: [[Int]] = []
        for (position, member) in members.enumerated() {
            let same = members[..<position].first {
                $0.release.product == member.release.product && $0.environment == member.environment
            }
            if let same {
                throw DefinitionError(
                    code: "order.twice",
                    summary: "\(same.release) and \(member.release) are of one product in \(member.environment).",
                    remedy: "The newer one supersedes the older: leave one of them out.")
            }
            before.append(try needed(by: member, members))
        }
        return try sorted(members, before)
    }

    private static func needed(by member: Member, _ members: [Member]) throws(DefinitionError) -> [Int] {
        var needed: [Int] = []
        for requirement in member.requires {
            guard
                let other = members.firstIndex(where: {
                    $0.release.product == requirement.product && $0.environment == member.environment
                })
            else { continue }
            guard requirement.version.contains(members[other].release.version) else {
                throw DefinitionError(
                    code: "order.unfit",
                    summary: "\(member.release) requires \(requirement.product) \(requirement.version), and "
                        + "\(members[other].release) is to be rolled out.",
                    remedy: "Take another release of one of the two.")
            }
            needed.append(other)
        }
        return needed
    }

    private static func sorted(_ members: [Member], _ before: [[Int]]) throws(DefinitionError) -> [Step] {
        var steps: [Step] = []
        var done: [Int: Int] = [:]
        while steps.count < members.count {
            let number = (steps.last?.step ?? 0) + 1
            let free = members.indices.filter { done[$0] == nil && before[$0].allSatisfy { done[$0] != nil } }
            guard !free.isEmpty else {
                let ring = members.indices.filter { done[$0] == nil }.map { members[$0].release.description }
                throw DefinitionError(
                    code: "order.ring", summary: "Each of these requires another: \(ring.joined(separator: ", ")).",
                    remedy: "One of them must be released once in a way that takes the older version of the other.")
            }
            for position in free {
                done[position] = number
                steps.append(
                    Step(
                        step: number, release: members[position].release, environment: members[position].environment,
                        after: before[position].map { members[$0].release }))
            }
        }
        return steps
    }
}
