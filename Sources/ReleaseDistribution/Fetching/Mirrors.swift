import Effects
import ReleaseDefinition
import Synchronization

/// The places of one repository, in the order of preference. Each file is asked for at the first that is not set aside, and
/// of the next where that one fails; a place that failed is set aside for a while, then it is the first again.
///
/// A place that has a file with wrong or stale bytes is `doubted` for that file by whoever checked them: nothing that a
/// place says is believed for being there.
public final class Mirrors: Sendable {
    /// For how long a place that failed is not asked while another is there.
    public static let pause = TimeSpan.minutes(5)
    private static let notesMax = 4096

    private struct State {
        /// By place, until when.
        var aside: [Int: TimeSpan] = [:]
        /// By file and place, until when.
        var doubts: [Doubt: TimeSpan] = [:]
        /// Which place a file came from last.
        var served: [String: Int] = [:]
    }

    private struct Doubt: Hashable {
        var path: String
        var place: Int
    }

    /// Base addresses; the first is the one that callers name.
    public let places: [String]
    private let time: any TimeDoor
    private let state = Mutex(State())

    /// - Parameter base: the repository's address, as every request to it begins.
    public init(_ base: String, mirrors: [String], time: any TimeDoor) {
        places = [base] + mirrors
        self.time = time
    }

    /// What follows the first place's address; nil: another server is meant.
    func path(of url: String) -> String? {
        url.hasPrefix(places[0] + "/") ? String(url.dropFirst(places[0].utf8.count + 1)) : nil
    }

    /// All places, those that are not set aside first; a place that is doubted for the file comes last of all.
    func order(for path: String) -> [Int] {
        let now = time.monotonic()
        return state.withLock { state in
            state.aside = state.aside.filter { now < $0.value }
            state.doubts = state.doubts.filter { now < $0.value }
            func rank(_ place: Int) -> Int {
                if state.doubts[Doubt(path: path, place: place)] != nil { return 2 }
                return state.aside[place] == nil ? 0 : 1
            }
            return places.indices.sorted { (rank($0), $0) < (rank($1), $1) }
        }
    }

    func failed(_ place: Int) {
        let until = time.monotonic() + Self.pause
        state.withLock { $0.aside[place] = until }
    }

    func served(_ path: String, by place: Int) {
        state.withLock { state in
            if state.served.count >= Self.notesMax { state.served = [:] }
            state.served[path] = place
        }
    }

    /// What came last for this address was not what was signed.
    /// - Returns: whether there is a place that was not doubted for it yet.
    public func doubt(_ url: String) -> Bool {
        guard let path = path(of: url) else { return false }
        let until = time.monotonic() + Self.pause
        return state.withLock { state in
            guard let place = state.served[path] else { return false }
            if state.doubts.count >= Self.notesMax { state.doubts = [:] }
            state.doubts[Doubt(path: path, place: place)] = until
            return places.indices.contains { state.doubts[Doubt(path: path, place: $0)] == nil }
        }
    }
}

/// Asks the places of a repository for what is asked of the first of them.
public struct MirroredHTTP: HTTPDoor {
    private let http: any HTTPDoor
    private let mirrors: Mirrors

    public init(_ http: any HTTPDoor, _ mirrors: Mirrors) {
        self.http = http
        self.mirrors = mirrors
    }

    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let path = mirrors.path(of: request.url) else { return try await http.send(request) }
        var answers: [Result<HTTPResponse, any Error>] = []
        for place in mirrors.order(for: path) {
            do {
                let response = try await http.send(request.at(mirrors.places[place], path))
                mirrors.served(path, by: place)
                guard let refusal = Self.refusal(response.status) else { return response }
                if refusal == .place { mirrors.failed(place) }
                answers.append(.success(response))
            } catch {
                guard Self.isOfPlace(error) else { throw error }
                mirrors.failed(place)
                answers.append(.failure(error))
            }
        }
        return try Self.mostTelling(answers, path).get()
    }

    public func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        guard let path = mirrors.path(of: request.url) else {
            return try await http.download(request, head: head, receive: receive)
        }
        var answers: [Result<HTTPResponse, any Error>] = []
        for place in mirrors.order(for: path) {
            // Once the caller has heard of an answer, only the caller can go on: with a range that begins elsewhere.
            let isHeard = Mutex(false)
            do {
                try await http.download(
                    request.at(mirrors.places[place], path),
                    head: { answer in
                        if Self.refusal(answer.status) != nil { throw Refused(head: answer) }
                        isHeard.withLock { $0 = true }
                        mirrors.served(path, by: place)
                        try await head(answer)
                    }, receive: receive)
                return
            } catch let refused as Refused {
                if Self.refusal(refused.head.status) == .place { mirrors.failed(place) }
                answers.append(.success(HTTPResponse(head: refused.head, body: [])))
            } catch {
                guard Self.isOfPlace(error) else { throw error }
                // Of a body that is too long the caller says whether it is wrong.
                if (error as? EffectsError)?.code == "effects.http.bodyTooLarge" { throw error }
                mirrors.failed(place)
                if isHeard.withLock({ $0 }) { throw error }
                answers.append(.failure(error))
            }
        }
        let last = try Self.mostTelling(answers, path).get()
        try await head(last.head)
    }

    public func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error>
    {
        http.events(request, silenceMax: silenceMax)
    }

    private struct Refused: Error {
        var head: HTTPHead
    }

    private enum Refusal { case file, place }

    /// Whether another place may answer better, and whether this one is to be left alone for a while.
    private static func refusal(_ status: Int) -> Refusal? {
        switch status {
        case 404, 410: .file
        case 401, 403, 408, 425, 429, 500...599: .place
        default: nil
        }
    }

    /// Transport, and nothing that the caller's own closures or this host's disk brought up.
    private static func isOfPlace(_ error: any Error) -> Bool {
        guard let error = error as? EffectsError else { return false }
        return error.code.hasPrefix("effects.http.") && error.code != "effects.http.identity"
    }

    /// What stands for all of them. That a root or a channel is not there is an answer; a package's file that one place does
    /// not have may come from another later.
    private static func mostTelling(
        _ answers: [Result<HTTPResponse, any Error>], _ path: String
    ) -> Result<HTTPResponse, any Error> {
        func isAbsent(_ answer: Result<HTTPResponse, any Error>) -> Bool {
            if case .success(let response) = answer { return refusal(response.status) == .file }
            return false
        }
        let isNews = path.hasPrefix(RepositoryLayout.metadata + "/") || path.hasPrefix(RepositoryLayout.director + "/")
        let chosen = answers.first { isAbsent($0) == isNews } ?? answers.first
        return chosen
            ?? .failure(
                DistributionError(
                    code: "unavailable", summary: "No place is known that has \(path).",
                    remedy: "This is a defect of Slipway: please report it."))
    }
}

extension HTTPRequest {
    fileprivate func at(_ base: String, _ path: String) -> HTTPRequest {
        var request = self
        request.url = base + "/" + path
        return request
    }
}
