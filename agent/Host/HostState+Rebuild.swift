import AgentProtocol
import ReleaseDefinition

extension HostState {
    /// The state of a host whose journal was damaged (R37): what whole lines of it still say, corrected by what the disk
    /// shows. What cannot be known any more is assumed in the careful direction.
    ///
    /// - Parameters:
    ///   - salvaged: the fold of the lines that could be read; there are gaps in it.
    ///   - running: the releases that all of their units' links show.
    ///   - onDisk: all releases whose manifest is whole.
    /// - Returns: the state, and the order whose end can no longer be told, if there was one.
    public static func rebuilt(
        salvaged: HostState, running: [HostRelease], onDisk: [HostRelease], at now: UTCInstant
    ) -> (state: HostState, lost: InstallationTask?) {
        var checkpoint = HostCheckpoint(
            products: [], finished: salvaged.finished, reports: salvaged.reports,
            // Reports may have been lost with the lines: a sequence that no report had is needed, and time only grows.
            nextSequence: max(salvaged.nextSequence, now.millisecondsSince1970 / 1000))
        var names = Set(onDisk.map(\.name.product))
        names.formUnion(salvaged.products.keys)
        for product in names.sorted() {
            var record = salvaged.record(of: product)
            let known = Dictionary(
                record.releases.map { ($0.release, $0.standing) }, uniquingKeysWith: { first, _ in first })
            record.current = running.first { $0.name.product == product }
            let present = onDisk.filter { $0.name.product == product }
            // Newest first as far as the salvaged order tells, then by version.
            let order = record.releases.map(\.release)
            let sorted = present.sorted { one, other in
                let (left, right) = (order.firstIndex(of: one) ?? Int.max, order.firstIndex(of: other) ?? Int.max)
                return left != right ? left < right : one.name.version > other.name.version
            }
            record.releases = sorted.map { release in
                // What runs is what there is to return to; of anything else nothing good may be assumed.
                let standing = release == record.current ? .good : known[release] ?? .staged
                return KeptRelease(release: release, standing: standing)
            }
            checkpoint.products.append(record)
        }
        return (HostState(checkpoint), salvaged.installation?.task)
    }
}
