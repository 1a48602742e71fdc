import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Killed between any two writes")
struct InterruptionTests {
    /// New roots, the second of which replaces the online keys, then new files of every role.
    private func history() throws -> (old: TestRepository, new: TestRepository) {
        let old = try TestRepository()
        var new = old
        try new.rewrite { try $0.writeRoot() }
        let key = TestKeys.key("timestamp-new")
        new.keys.timestamp = [key]
        try new.rewrite { draft in
            try draft.writeRoot {
                Attack.name(key.publicKey.json, for: "timestamp", threshold: 1, alone: true, in: &$0)
            }
            try draft.writeTargets()
            try draft.writeRole("staging-web")
        }
        return (old, new)
    }

    @Test("A host that was killed after any write heals by the next update, and believes nothing older meanwhile")
    func everyWrite() throws {
        let (old, new) = try history()
        let path = TestRepository.path("1.0")
        var before = try TestHost(of: old)
        try before.refresh(from: old)
        var writes = 0
        while true {
            var host = before
            let isWhole = try host.refresh(from: new, killedAfter: writes)
            let rootVersion = try MetadataRefresh(stored: host.stored, at: new.now).trusted.rootVersion
            // The old state is offered first: nothing of it is taken once a new root is known.
            var attacked = host
            _ = try? attacked.refresh(from: old)
            #expect(try MetadataRefresh(stored: attacked.stored, at: new.now).trusted.rootVersion >= rootVersion)
            if host.stored["timestamp.json"] == new.timestamp {
                #expect(attacked.stored["timestamp.json"] == new.timestamp)
            }
            try attacked.refresh(from: new).requireTargets([path])
            try host.refresh(from: new).requireTargets([path])
            #expect(host.stored["timestamp.json"] == new.timestamp)
            if isWhole { break }
            writes += 1
        }
        // Two roots, two removals, timestamp, snapshot, targets and the role.
        #expect(writes == 8)
    }
}

extension TestHost {
    /// One update that ends after so many changes of the store.
    /// - Returns: whether it came to its end.
    fileprivate mutating func refresh(from repository: TestRepository, killedAfter count: Int) throws -> Bool {
        var left = count
        var refresh = try MetadataRefresh(stored: stored, at: repository.now, targets: [TestRepository.path("1.0")])
        while let request = refresh.nextRequest {
            guard let bytes = repository.served[request.fileName] else {
                try refresh.receiveAbsent()
                continue
            }
            for change in try refresh.receive(bytes) {
                guard left > 0 else { return false }
                left -= 1
                switch change {
                case .write(let name, let bytes): stored[name] = bytes
                case .remove(let name): stored[name] = nil
                }
            }
        }
        return true
    }
}
