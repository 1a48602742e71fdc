import AgentProtocol
import Effects
import ReleaseDefinition

/// How this host stands, for whoever is about to deploy to it.
extension Agent {
    /// Why nothing can be written down here; nil: it can, as far as is known.
    private var unwritable: String? {
        if (try? folder.base.isReadOnly()) == true { return "the file system of \(folder.base.path) is read-only" }
        return journalFailure
    }

    func facts(drifted: [ProductName]? = nil) -> HostFacts {
        let witness = LogWitness(in: folder.base)
        return HostFacts(
            sentAt: time.now(), freeSpace: try? folder.base.freeSpace(), drifted: drifted, log: witness.log,
            logContradiction: witness.contradiction, unwritable: unwritable)
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
