import AgentProtocol
import Effects
import ReleaseDefinition

/// How this host stands, for whoever is about to deploy to it.
extension Agent {
    private static let probeName = "writable"
    /// More than one block, and more than most entries of the journal.
    private static let probeSize = 16 << 10

    /// Why nothing can be written down here; nil: it can, as far as is known. After a failure that is tried whenever it is
    /// asked: a host that is given nothing to do records nothing that would show that its disk is well again.
    private func unwritable() -> String? {
        if (try? folder.base.isReadOnly()) == true { return "the file system of \(folder.base.path) is read-only" }
        guard let failure = journalFailure else { return nil }
        do {
            try folder.base.writeDurably(Self.probeName, [UInt8](repeating: 0x20, count: Self.probeSize), mode: 0o600)
            try folder.base.removeFile(Self.probeName)
        } catch {
            try? folder.base.removeFile(Self.probeName)
            return failure
        }
        journalFailure = nil
        return nil
    }

    func facts(drifted: [ProductName]? = nil) -> HostFacts {
        let witness = LogWitness(in: folder.base)
        return HostFacts(
            sentAt: time.now(), freeSpace: try? folder.base.freeSpace(), drifted: drifted, log: witness.log,
            logContradiction: witness.contradiction, unwritable: unwritable())
    }

    /// Products whose files are not as they were signed, by reading all of them; nil while something is being installed.
    func drifted(_ processes: any ProcessDoor) async -> [ProductName]? {
        guard host.installation == nil,
            let check = try? InstalledCheck(folder: folder, configuration: configuration, processes: processes)
        else { return nil }
        var drifted: [ProductName] = []
        for record in host.products.values.sorted(by: { $0.product < $1.product }) {
            let conditions = try? await check.conditions(of: record)
            // What cannot be compared is not known to be as it was signed.
            let isAsSigned = conditions?.allSatisfy { condition in
                // What a service left beside its files is no change of them.
                condition.differences.allSatisfy { $0.hasSuffix("is not part of the release") }
            }
            if isAsSigned != true { drifted.append(record.product) }
        }
        // What was read while it changed says nothing.
        return host.installation == nil ? drifted : nil
    }
}
