import ReleaseDefinition

/// The four measures (semantics 10), from the ledger alone.
extension MeasureLedger {
    /// - Parameter live: the environments where releases go into service; rollouts elsewhere are rehearsals.
    /// - Returns: all together first, then each product by name.
    public func measures(
        from: UTCInstant, until: UTCInstant, live: Set<EnvironmentName>
    ) -> [ReleaseMeasures] {
        var judged: [ProductName: [Judged]] = [:]
        for (product, entries) in Dictionary(
            grouping: entries.filter { live.contains($0.environment) }, by: \.release.product)
        {
            let own = judge(entries).filter { ($0.entry.endedAt ?? until) >= from && $0.entry.startedAt < until }
            if !own.isEmpty { judged[product] = own }
        }
        let all = judged.values.flatMap { $0 }
        return [Self.sum(all, product: nil, from, until)]
            + judged.keys.sorted().map { Self.sum(judged[$0] ?? [], product: $0, from, until) }
    }

    private struct Judged {
        var entry: Entry
        var hasFailed: Bool
        /// When it was taken back, or mended by the next that went well.
        var restoredAt: UTCInstant?
        var toFirst: TimeSpan?
        var toLast: TimeSpan?
    }

    /// - Parameter entries: of one product, in the order of their start.
    private func judge(_ entries: [Entry]) -> [Judged] {
        let sorted = entries.sorted { $0.startedAt < $1.startedAt }
        return sorted.indices.compactMap { place in
            let entry = sorted[place]
            guard entry.verdict != nil, entry.verdict != .abandoned else { return nil }
            let fix = fix(of: entry, among: sorted[(place + 1)...])
            let hasBackOut = entry.verdict == .backedOut || entry.hasBackOut
            let since = releases[entry.release].map { $0.firstChangeAt ?? $0.builtAt } ?? entry.startedAt
            return Judged(
                entry: entry, hasFailed: hasBackOut || fix != nil,
                restoredAt: hasBackOut ? entry.endedAt : fix?.endedAt.flatMap { fix?.verdict == .succeeded ? $0 : nil },
                toFirst: entry.firstHostAt.map { max($0.since(since), .zero) },
                toLast: entry.lastHostAt.map { max($0.since(since), .zero) })
        }
    }

    /// The next newer release of the same environment, where it is a hot fix within early life. What begins later is not
    /// looked at.
    private func fix(of entry: Entry, among later: ArraySlice<Entry>) -> Entry? {
        guard let endedAt = entry.endedAt, entry.verdict == .succeeded else { return nil }
        let next = later.prefix { $0.startedAt < endedAt + entry.earlyLife }.first {
            $0.environment == entry.environment && $0.release.version > entry.release.version
        }
        guard let next, next.isEmergency || releases[next.release]?.category == .emergency else { return nil }
        return next
    }

    private static func sum(
        _ judged: [Judged], product: ProductName?, _ from: UTCInstant, _ until: UTCInstant
    ) -> ReleaseMeasures {
        let good = judged.filter { $0.entry.verdict == .succeeded }
        let deployments = good.count { !$0.entry.isEmergency }
        let failed = judged.filter(\.hasFailed)
        let span = max(until.since(from).milliseconds, 1)
        let perThousand = Int64(deployments) * 1000 * TimeSpan.days(1).milliseconds / span
        return ReleaseMeasures(
            product: product, from: from, until: until, rollouts: judged.count, deployments: deployments,
            emergencies: good.count { $0.entry.isEmergency }, deploymentsPerThousandDays: Int(clamping: perThousand),
            leadTimeToFirstHost: median(good.compactMap(\.toFirst)),
            leadTimeToLastHost: median(good.compactMap(\.toLast)), failures: failed.count,
            failuresPermille: judged.isEmpty ? 0 : (failed.count * 1000 + judged.count - 1) / judged.count,
            timeToRestore: median(
                failed.compactMap { failure in failure.restoredAt.map { $0.since(failure.entry.startedAt) } }),
            unrestored: failed.count { $0.restoredAt == nil })
    }

    /// Of two in the middle the longer.
    private static func median(_ spans: [TimeSpan]) -> TimeSpan? {
        guard !spans.isEmpty else { return nil }
        return spans.sorted()[spans.count / 2]
    }
}
