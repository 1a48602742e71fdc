import Effects
import Hummingbird
import ReleaseDefinition
import Synchronization

/// The disk that submissions may take while they are received, unpacked and built: so many at once, each with a claim on what it
/// may still write, and never what is kept for the record. Whoever has to go before the bytes came costs nothing.
final class UploadRoom: Sendable {
    private struct State {
        /// What each may still write, in bytes.
        var claims: [Int: Int64] = [:]
        var last = 0
    }

    private let atOnceMax: Int
    private let kept: ByteCount
    /// Of the file systems that are written to, the least.
    private let free: @Sendable () throws -> ByteCount
    private let state = Mutex(State())

    init(_ rules: RateRules, free: @escaping @Sendable () throws -> ByteCount) {
        atOnceMax = max(1, rules.uploads)
        // More than any disk has: no sum with it leaves the type.
        kept = ByteCount(min(max(0, rules.spaceKept), 1 << 60))
        self.free = free
    }

    /// A place; it is given back with `leave`.
    /// - Throws: `controller.request.uploads`.
    func enter() throws -> Place {
        let number = try state.withLock { state in
            guard state.claims.count < atOnceMax else { throw ControllerError.tooManyUploads(atOnceMax) }
            state.last += 1
            state.claims[state.last] = 0
            return state.last
        }
        return Place(room: self, number: number)
    }

    /// One submission's.
    struct Place: Sendable {
        fileprivate let room: UploadRoom
        fileprivate let number: Int

        /// It may still write so much.
        /// - Throws: `controller.request.space` where there is not so much beside what others claimed; `effects.file.…`.
        func claim(_ size: Int64) throws {
            try room.state.withLock { state in
                let left = try room.left(beside: number, state)
                guard size <= left else {
                    throw ControllerError.noSpace(ByteCount(size), left: ByteCount(max(0, left)))
                }
                state.claims[number] = size
            }
        }

        /// Claims half of what there is, since nobody knows how much an archive unpacks to.
        /// - Returns: how much that is; 0 where there is nothing.
        func claimHalf() throws -> Int64 {
            try room.state.withLock { state in
                let half = max(0, try room.left(beside: number, state) / 2)
                state.claims[number] = half
                return half
            }
        }

        func leave() { room.state.withLock { _ = $0.claims.removeValue(forKey: number) } }
    }

    private func left(beside number: Int, _ state: State) throws -> Int64 {
        let others = state.claims.reduce(Int64(0)) { $1.key == number ? $0 : $0 + $1.value }
        return Int64(clamping: try free().value) - kept.value - others
    }
}

extension ControllerError {
    static func tooManyUploads(_ count: Int) -> ControllerError {
        var error = ControllerError(
            .tooManyRequests, code: "request.uploads",
            summary: "\(count) releases are being received and built; no more are at once.",
            remedy: "Submit it again in a moment.")
        error.retryAfter = .seconds(5)
        return error
    }

    /// Nothing of the submission is left.
    static func noSpace(_ size: ByteCount, left: ByteCount) -> ControllerError {
        full("The release may take \(size) while it is built; the controller has \(left) for it.")
    }

    static func full(_ summary: String) -> ControllerError {
        ControllerError(
            .insufficientStorage, code: "request.space", summary: summary,
            remedy:
                "Submit it again when space was freed on the controller: releases that nobody needs go by retention in controller.json."
        )
    }
}
