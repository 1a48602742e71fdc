import ReleaseDefinition

/// The four measures (semantics 10), from the ledger alone.
extension MeasureLedger {
    /// - Parameter live: the environments where releases go into service; rollouts elsewhere are rehearsals.
    /// - Returns: all together first, then each product by name.
    public func measures(
        from: UTCInstant, until: UTCInstant, live: Set<EnvironmentName>
    ) -> [ReleaseMeasures] {
        var all = Sums()
        var products: [ReleaseMeasures] = []
        for product in lines.keys.sorted() {
            var own = Sums()
            for (environment, line) in lines[product] ?? [:] where live.contains(environment) {
                for place in line.places {
                    // Later ones began later still.
                    guard entries[place].startedAt < until else { break }
                    if (entries[place].endedAt ?? until) >= from { own.add(judge(entries[place])) }
                }
            }
            guard own.rollouts > 0 else { continue }
            products.append(own.measures(of: product, from, until))
            all.add(own)
        }
        return [all.measures(of: nil, from, until)] + products
    }

    private struct Judged {
        var isGood: Bool
        var isEmergency: Bool
        var hasFailed: Bool
        /// Until it was taken back, or mended by the next that went well.
        var restore: TimeSpan?
        var toFirst: TimeSpan?
        var toLast: TimeSpan?
    }

    /// nil: it has not ended, or was given up before anything of it was taken back: that tells nothing of the release.
    private func judge(_ entry: Entry) -> Judged? {
        guard let verdict = entry.verdict, verdict != .abandoned || entry.hasBackOut else { return nil }
        let fix = fix(of: entry)
        let hasBackOut = entry.verdict == .backedOut || entry.hasBackOut
        let restoredAt = hasBackOut ? MeasureLedger.restoredAt(entry) : fix?.verdict == .succeeded ? fix?.endedAt : nil
        let since = releases[entry.release].map { $0.firstChangeAt ?? $0.builtAt } ?? entry.startedAt
        return Judged(
            isGood: entry.verdict == .succeeded, isEmergency: entry.isEmergency, hasFailed: hasBackOut || fix != nil,
            restore: restoredAt.map { $0.since(entry.startedAt) },
            toFirst: entry.firstHostAt.map { max($0.since(since), .zero) },
            toLast: entry.lastHostAt.map { max($0.since(since), .zero) })
    }

    /// The next newer release of the same environment, where it is a hot fix within early life.
    private func fix(of entry: Entry) -> Entry? {
        guard entry.verdict == .succeeded, let place = entry.next else { return nil }
        let next = entries[place]
        return next.isEmergency || releases[next.release]?.category == .emergency ? next : nil
    }

    private struct Sums {
        var rollouts = 0
        var deployments = 0
        var emergencies = 0
        var failures = 0
        var toFirst: [TimeSpan] = []
        var toLast: [TimeSpan] = []
        var restores: [TimeSpan] = []

        mutating func add(_ judged: Judged?) {
            guard let judged else { return }
            rollouts += 1
            if judged.hasFailed {
                failures += 1
                if let restore = judged.restore { restores.append(restore) }
            }
            guard judged.isGood else { return }
            if judged.isEmergency { emergencies += 1 } else { deployments += 1 }
            if let span = judged.toFirst { toFirst.append(span) }
            if let span = judged.toLast { toLast.append(span) }
        }

        mutating func add(_ other: Sums) {
            rollouts += other.rollouts
            deployments += other.deployments
            emergencies += other.emergencies
            failures += other.failures
            toFirst += other.toFirst
            toLast += other.toLast
            restores += other.restores
        }

        func measures(of product: ProductName?, _ from: UTCInstant, _ until: UTCInstant) -> ReleaseMeasures {
            let span = max(until.since(from).milliseconds, 1)
            let perThousand = Int64(deployments) * 1000 * TimeSpan.days(1).milliseconds / span
            return ReleaseMeasures(
                product: product, from: from, until: until, rollouts: rollouts, deployments: deployments,
                emergencies: emergencies, deploymentsPerThousandDays: Int(clamping: perThousand),
                leadTimeToFirstHost: median(toFirst), leadTimeToLastHost: median(toLast), failures: failures,
                failuresPermille: rollouts == 0 ? 0 : (failures * 1000 + rollouts - 1) / rollouts,
                timeToRestore: median(restores), unrestored: failures - restores.count)
        }

        /// Of two in the middle the longer.
        private func median(_ spans: [TimeSpan]) -> TimeSpan? {
            guard !spans.isEmpty else { return nil }
            return spans.sorted()[spans.count / 2]
        }
    }
}
