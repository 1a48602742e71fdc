import Effects
import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// Fetches some members of a payload by Range requests into a file with holes.
///
/// Each member is checked when it has landed; what is there after a restart is told by the digests. Any answer that is not
/// exactly the range that was asked for ends this way (`distribution.ranges.…`): whoever asked fetches the whole.
struct MemberFetch: Sendable {
    /// Requests under way at once, over connections that are kept.
    static let requestsMax = 4

    let fetcher: PackageFetcher
    let payload: BlobReference
    let index: PayloadIndex
    let file: OpenFile
    let received: ByteTally

    /// - Throws: `distribution.ranges.refused`, `.damaged`; errors of transport.
    func run(_ members: [Int]) async throws {
        let index = index
        let file = file
        var missing = members
        var failures: [Int: Int] = [:]
        try await fetcher.retry.run(
            fetcher.time,
            hasProgressed: {
                let before = missing.count
                let whole = (try? index.wholeMembers(among: missing, of: file)) ?? []
                missing.removeAll { whole.contains($0) }
                return missing.count < before
            }
        ) {
            // What an earlier run left, or a transfer that broke.
            missing = try await stillMissing(of: missing)
            while !missing.isEmpty {
                try await round(RangeCoalescing.requests(for: index.compressedRanges(of: missing)))
                // Everything came: what is still missing came with other bytes.
                missing = try await stillMissing(of: missing)
                if !missing.isEmpty { _ = fetcher.address.doubt(RepositoryLayout.blob(payload.sha256)) }
                for number in missing {
                    failures[number, default: 0] += 1
                    guard failures[number, default: 0] < 2 else { throw damaged(number) }
                }
            }
        }
    }

    private func stillMissing(of members: [Int]) async throws -> [Int] {
        let (index, file) = (index, file)
        return try await Workers.suspending {
            let whole = try index.wholeMembers(among: members, of: file)
            return members.filter { !whole.contains($0) }
        }
    }

    private func damaged(_ number: Int) -> DistributionError {
        DistributionError(
            code: "ranges.damaged",
            summary: "Member \(number) of the payload \(payload.sha256.short)… came twice with wrong bytes.",
            remedy: "The whole payload is fetched. Look at the caches on the way if that repeats.")
    }

    private func round(_ requests: [Range<Int64>]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var waiting = requests[...]
            for _ in 0..<Self.requestsMax {
                if let next = waiting.popFirst() { group.addTask { try await request(next) } }
            }
            while try await group.next() != nil {
                if let next = waiting.popFirst() { group.addTask { try await request(next) } }
            }
        }
    }

    private func request(_ range: Range<Int64>) async throws {
        let path = RepositoryLayout.blob(payload.sha256)
        let (address, file, payload, received) = (fetcher.address, file, payload, received)
        let written = Mutex(range.lowerBound)
        let request = address.request(
            path, headers: [HTTPField("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")],
            sizeMax: ByteCount(range.count), timeout: PackageFetcher.timeout(for: ByteCount(range.count)))
        do {
            try await fetcher.http.download(
                request,
                head: { head in
                    switch head.status {
                    case 206 where Self.isAnswer(head, to: range, of: payload.length): return
                    case 200, 206, 416:
                        throw DistributionError(
                            code: "ranges.refused",
                            summary: "\(request.url) answered \(head.status) with"
                                + " \(head["Content-Range"] ?? "no Content-Range"), asked for was"
                                + " \(range.lowerBound)-\(range.upperBound - 1) of \(payload.length.value).",
                            remedy: "The whole payload is fetched.")
                    default: throw address.error(head.status, path)
                    }
                },
                receive: { piece in
                    received.add(piece.count)
                    let at = written.withLock { position in
                        defer { position += Int64(piece.count) }
                        return position
                    }
                    guard at + Int64(piece.count) <= range.upperBound else {
                        throw DistributionError(
                            code: "ranges.refused", summary: "\(request.url) sends more than it was asked for.",
                            remedy: "The whole payload is fetched.")
                    }
                    try file.write(piece, at: at)
                })
        } catch let error as EffectsError where error.code == "effects.http.bodyTooLarge" {
            throw DistributionError(
                code: "ranges.refused", summary: "\(request.url) sends more than it was asked for.",
                remedy: "The whole payload is fetched.", cause: error.description)
        }
        guard written.withLock({ $0 }) == range.upperBound else {
            throw DistributionError(
                code: "unavailable",
                summary: "\(request.url) sent \(written.withLock { $0 } - range.lowerBound) bytes"
                    + " of \(range.count).", remedy: "It is tried again; if it stays so, publish the release again.")
        }
    }

    /// `Content-Range: bytes 5-9/10`, where the length may be left open. RFC 9110 14.4.
    private static func isAnswer(_ head: HTTPHead, to range: Range<Int64>, of length: ByteCount) -> Bool {
        let wanted = "bytes \(range.lowerBound)-\(range.upperBound - 1)/"
        return [wanted + "\(length.value)", wanted + "*"].contains(head["Content-Range"])
    }
}

/// Counts bytes as they come.
final class ByteTally: Sendable {
    private let count = Mutex<Int64>(0)

    var bytes: ByteCount { ByteCount(count.withLock { $0 }) }
    func add(_ more: Int) { count.withLock { $0 = $0.addingReportingOverflow(Int64(more)).partialValue } }
}
