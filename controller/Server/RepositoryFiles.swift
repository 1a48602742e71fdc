import ControllerAPI
import FoundationEssentials
import Effects
import Hummingbird
import ReleaseDefinition
import ReleaseDistribution

/// The repository as plain files: what any web server would serve, with validators and ranges (RFC 9110 13, 14).
enum RepositoryFiles {
    /// One is in memory for each file that is being sent, and what the connection holds of the one before.
    private static let pieceSize = ResponseBody.pieceMax
    /// `timestamp.json` and the channels are small; they are read whole to name them by their content.
    private static let mutableSizeMax = ByteCount(4 << 20)

    static func respond(
        _ request: RouteRequest, _ folder: ControllerDirectory, _ tags: RepositoryTags
    ) async throws -> Response {
        let asked = request.parameters["**"] ?? ""
        let place = place(folder).map { $0 + asked }
        if let place, let known = request.request.headers[.ifNoneMatch], let tag = tags.tag(of: place),
            matches(known, tag)
        {
            return Response(status: .notModified, headers: headers(asked, tag))
        }
        return try await offLoop {
            try read(request, folder, asked) { tag, file in
                if let place { tags.keep(tag, of: place, file) }
            }
        }
    }

    /// What stands before the names of its files; nil: a shared repository, which may be a file system of the network: what it
    /// says of a file may be old, or take its time.
    static func place(_ folder: ControllerDirectory) -> String? {
        folder.sharedRepository == nil ? "\(folder.directory.path)/\(ControllerDirectory.repositoryName)/" : nil
    }

    /// - Parameter keep: is given the tag of a file that changes.
    private static func read(
        _ request: RouteRequest, _ folder: ControllerDirectory, _ asked: String, keep: (String, OpenFile) -> Void
    ) throws -> Response {
        let path = try checked(asked)
        let root = try folder.repository()
        let file: OpenFile
        do {
            file = try root.openFile(path)
        } catch let error as EffectsError {
            switch error.code {
            case "effects.file.absent", "effects.file.notDirectory", "effects.file.isDirectory", "effects.file.notFile",
                "effects.file.escape", "effects.file.path":
                throw ControllerError.notFound("file \(path) in the repository")
            default: throw error
            }
        }
        let size = Int64(try file.size().value)
        let isMutable = RepositoryLayout.isMutable(path)
        let tag =
            isMutable
            ? "\"\(SHA256Digest(of: try file.readAll(sizeMax: mutableSizeMax)).hex)\""
            : "\"\(SHA256Digest(of: Array(path.utf8)).short)-\(size)\""
        if isMutable, asked == path { keep(tag, file) }
        var headers = headers(path, tag)
        if let known = request.request.headers[.ifNoneMatch], matches(known, tag) {
            return Response(status: .notModified, headers: headers)
        }
        let whole = ByteRange(start: 0, end: size)
        guard let wanted = request.request.headers[.range], isFresh(request, tag) else {
            headers[.contentLength] = String(size)
            return Response(status: .ok, headers: headers, body: body(file, whole))
        }
        switch ByteRange.parse(wanted, size: size) {
        case .whole:
            headers[.contentLength] = String(size)
            return Response(status: .ok, headers: headers, body: body(file, whole))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.start)-\(range.end - 1)/\(size)"
            headers[.contentLength] = String(range.end - range.start)
            return Response(status: .partialContent, headers: headers, body: body(file, range))
        case .unsatisfiable:
            return Response(status: .rangeNotSatisfiable, headers: [.contentRange: "bytes */\(size)"])
        }
    }

    /// A file that was made for this request; `done` is called when it was sent, or not.
    static func respond(_ export: Controller.Export, done: @escaping @Sendable () -> Void) -> Response {
        var headers: HTTPFields = [
            .contentType: "application/vnd.slipway.package", .contentLength: String(export.size),
            .cacheControl: "no-store",
        ]
        if let name = HTTPFields.Element.Name(ExportRequest.validUntilHeader) {
            headers[name] = export.validUntil.wholeSeconds.description
        }
        let content = body(export.file, ByteRange(start: 0, end: export.size))
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: Int(export.size)) { writer in
                do { try await content.write(writer) } catch {
                    await offLoop(done)
                    throw error
                }
                await offLoop(done)
            })
    }

    /// Names of ours need no escapes but those of role names, which stand escaped on the disk; so `%` is taken as it is
    /// written there once the URL's own escape is undone.
    private static func checked(_ path: String) throws -> String {
        let components = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let decoded = components.compactMap(\.removingPercentEncoding)
        let isPath =
            decoded.count == components.count
            && decoded.allSatisfy { component in
                !component.isEmpty && !component.hasPrefix(".") && !component.utf8.contains(0)
                    && !component.contains("/")
            }
        guard isPath else { throw ControllerError.notFound("file \(path.debugDescription) in the repository") }
        return decoded.joined(separator: "/")
    }

    static func headers(_ path: String, _ tag: String) -> HTTPFields {
        [
            .eTag: tag, .acceptRanges: "bytes", .contentType: type(of: path),
            .cacheControl: RepositoryLayout.cacheControl(path),
        ]
    }

    private static func body(_ file: OpenFile, _ range: ByteRange) -> ResponseBody {
        ResponseBody(contentLength: Int(range.end - range.start)) { writer in
            var position = range.start
            while position < range.end {
                let (start, count) = (position, Int(min(Int64(pieceSize), range.end - position)))
                let bytes = try await offLoop { try file.read(at: start, count: count) }
                guard !bytes.isEmpty else {
                    throw ControllerError.store(
                        "file", "The file \(file.path) became shorter while it was sent.",
                        remedy: "Nothing but the controller may write into repository/.")
                }
                position += Int64(bytes.count)
                try await writer.write(ByteBuffer(bytes: bytes))
            }
            try await writer.finish(nil)
        }
    }

    static func matches(_ header: String, _ tag: String) -> Bool {
        if header == tag { return true }
        return header.split(separator: ",").contains { part in
            let word = part.drop { $0 == " " }
            return word == "*" || word == tag || word == "W/\(tag)"
        }
    }

    /// A range asked for with `If-Range` counts only if the file is still the one meant.
    private static func isFresh(_ request: RouteRequest, _ tag: String) -> Bool {
        request.header("If-Range").map { $0 == tag } ?? true
    }

    private static func type(of path: String) -> String {
        path.hasSuffix(".json") ? "application/json" : "application/octet-stream"
    }
}

/// Bytes `start ..< end` of a file.
struct ByteRange: Sendable, Equatable {
    var start: Int64
    var end: Int64

    enum Parsed: Equatable {
        /// The header is not one that we serve in parts: the whole file is the answer.
        case whole
        case part(ByteRange)
        case unsatisfiable
    }

    /// RFC 9110 14.1.2, one range; several are answered with the whole file, as the standard allows.
    static func parse(_ header: String, size: Int64) -> Parsed {
        guard header.hasPrefix("bytes=") else { return .whole }
        let parts = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !header.contains(",") else { return .whole }
        func number(_ text: Substring) -> Int64? {
            !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
        }
        switch (number(parts[0]), number(parts[1])) {
        case (nil, let last?) where parts[0].isEmpty:
            guard last > 0, size > 0 else { return .unsatisfiable }
            return .part(ByteRange(start: max(0, size - last), end: size))
        case (let first?, nil) where parts[1].isEmpty:
            return first < size ? .part(ByteRange(start: first, end: size)) : .unsatisfiable
        case (let first?, let last?):
            guard first <= last else { return .whole }
            return first < size ? .part(ByteRange(start: first, end: min(last, size - 1) + 1)) : .unsatisfiable
        default: return .whole
        }
    }
}
