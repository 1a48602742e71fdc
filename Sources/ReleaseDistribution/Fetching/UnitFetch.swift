import Effects
import ReleaseDefinition
import ReleasePackaging

/// A unit of an earlier release that is on this host: the tree is the cache of its tar stream.
public struct InstalledUnit: Sendable {
    public var tree: Directory
    public var record: PayloadRecord
    public var indexText: [UInt8]

    public init(tree: Directory, record: PayloadRecord, indexText: [UInt8]) {
        self.tree = tree
        self.record = record
        self.indexText = indexText
    }
}

/// A patch that somebody offers: where it leads from and to (digests of the indexes' texts), and what to fetch.
public struct OfferedPatch: Sendable, Equatable {
    public var from: SHA256Digest
    public var to: SHA256Digest
    public var blob: BlobReference

    public init(from: SHA256Digest, to: SHA256Digest, blob: BlobReference) {
        self.from = from
        self.to = to
        self.blob = blob
    }
}

/// What an installation of a unit needs, all of it at hand.
public struct FetchedUnit: Sendable {
    public var index: PayloadIndex
    public var members: any MemberReader
    public var base: BaseTree?
    public var report: FetchReport
}

extension PackageFetcher {
    /// Ranges that are nearly everything are fetched as the whole: one request, and no more to go wrong.
    private static let rangesShareMax = 0.9

    /// Fetches what a unit's tree needs beyond what `installed` has, in the cheapest way there is: a patch, ranges of the
    /// payload, the whole. Any doubt leads to the next way. The index's text is in the store afterwards.
    ///
    /// - Parameters:
    ///   - patches: of any units; others are skipped.
    ///   - cheapest: where to begin: after an installation found that a cheaper way's sources had changed.
    /// - Throws: what the last way throws: `packaging.…`, `distribution.…`, `effects.…`.
    public func unit(
        _ unit: ManifestUnit, installed: InstalledUnit?, patches: [OfferedPatch], cheapest: FetchWay = .patch,
        into store: BlobStore
    ) async throws -> FetchedUnit {
        let tally = ByteTally()
        var doubts: [String] = []
        func report(_ way: FetchWay) -> FetchReport { FetchReport(way: way, bytes: tally.bytes, doubts: doubts) }
        let isThere = try store.has(unit.payload.compressed)
        if let installed, !isThere, cheapest < .whole {
            let old: InstalledStream?
            do { old = try await Self.stream(installed) } catch {
                doubts.append("the installed index cannot be read: \(ReportedError(error).code)")
                old = nil
            }
            let offer = patches.first {
                $0.from == installed.record.indexText.sha256 && $0.to == unit.payload.indexText.sha256
            }
            if let old, let offer, cheapest == .patch {
                do {
                    let made = try await byPatch(offer, unit, installed, old, into: store, tally)
                    return FetchedUnit(
                        index: made.index, members: made.members,
                        base: BaseTree(installed.tree, index: old.index), report: report(.patch))
                } catch {
                    try Self.rethrowIfFinal(error)
                    doubts.append("no patch: \(ReportedError(error).code)")
                    try? store.discardPartial(offer.blob)
                }
            }
            if let old {
                do {
                    if let made = try await byRanges(unit, old, into: store, tally) {
                        return FetchedUnit(
                            index: made.index, members: made.members,
                            base: BaseTree(installed.tree, index: old.index), report: report(.ranges))
                    }
                    doubts.append("ranges would be nearly everything")
                } catch {
                    try Self.rethrowIfFinal(error)
                    doubts.append("no ranges: \(ReportedError(error).code)")
                    try? store.discardSparse(unit.payload.compressed)
                }
            }
        }
        try? store.discardSparse(unit.payload.compressed)
        let index = try await index(of: unit, into: store, tally)
        try await blobs([unit.payload.compressed], into: store, tally)
        return FetchedUnit(
            index: index, members: PayloadReader(index, payload: try store.open(unit.payload.compressed)),
            base: installed.map { BaseTree($0.tree) }, report: report(.whole))
    }

    private static func stream(_ installed: InstalledUnit) async throws -> InstalledStream {
        try await Workers.suspending {
            try InstalledStream(
                installed.tree, index: PayloadIndex(parsing: installed.indexText, for: installed.record))
        }
    }

    /// Another way would not help: the caller gave up, or the disk is full.
    private static func rethrowIfFinal(_ error: any Error) throws {
        if error is CancellationError { throw error }
        if let error = error as? EffectsError, error.code == "effects.file.noSpace" { throw error }
    }

    // MARK: The ways

    private typealias Made = (index: PayloadIndex, members: AssembledMembers)

    /// The patch brings the index. Members whose old files have changed are fetched by ranges.
    private func byPatch(
        _ offer: OfferedPatch, _ unit: ManifestUnit, _ installed: InstalledUnit, _ old: InstalledStream,
        into store: BlobStore, _ tally: ByteTally
    ) async throws -> Made {
        try await blobs([offer.blob], into: store, tally)
        let (reader, lost) = try await Workers.suspending {
            let reader = try PatchReader(
                try store.open(offer.blob), to: unit.payload, from: old, indexText: installed.indexText,
                keep: { try store.add($0) })
            let needs = try PayloadNeeds(reader.index, base: BaseTree(installed.tree, index: old.index))
            return (reader, reader.unavailable(among: needs.members))
        }
        guard !lost.isEmpty else {
            return (reader.index, AssembledMembers(reader.index, payload: nil, fetched: [], patch: reader))
        }
        let file = try store.sparse(unit.payload.compressed)
        try await MemberFetch(
            fetcher: self, payload: unit.payload.compressed, index: reader.index, file: file, received: tally
        ).run(lost)
        return (reader.index, AssembledMembers(reader.index, payload: file, fetched: Set(lost), patch: reader))
    }

    /// - Returns: nil where the whole is hardly more.
    private func byRanges(
        _ unit: ManifestUnit, _ old: InstalledStream, into store: BlobStore, _ tally: ByteTally
    ) async throws -> Made? {
        let index = try await index(of: unit, into: store, tally)
        let missing = try await Workers.suspending {
            let needs = try PayloadNeeds(index, base: BaseTree(old.tree, index: old.index))
            let available = old.available(of: index, among: needs.members)
            return needs.members.filter { !available.contains($0) }
        }
        let bytes = RangeCoalescing.requests(for: index.compressedRanges(of: missing)).reduce(0) { $0 + $1.count }
        guard Double(bytes) <= Self.rangesShareMax * Double(unit.payload.compressed.length.value) else { return nil }
        let file = try store.sparse(unit.payload.compressed)
        try await MemberFetch(
            fetcher: self, payload: unit.payload.compressed, index: index, file: file, received: tally
        ).run(missing)
        return (index, AssembledMembers(index, payload: file, fetched: Set(missing), old: old))
    }

    private func index(
        of unit: ManifestUnit, into store: BlobStore, _ tally: ByteTally
    ) async throws -> PayloadIndex {
        if try !store.has(unit.payload.indexText) { try await blobs([unit.payload.index], into: store, tally) }
        return try await Workers.suspending {
            let text = try PayloadIndex.text(of: unit.payload, in: store)
            let index = try PayloadIndex(parsing: text, for: unit.payload)
            try store.add(text)
            return index
        }
    }
}
