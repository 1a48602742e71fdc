import Glibc
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTPTypes
import Synchronization

/// Checks that find nothing new, which whole fleets send all day: a file of the repository that the caller has already is
/// answered where the request's bytes arrive, without a task, a route, a body. What is not known here goes on to the route,
/// which gives the same answer.
struct KnownFiles: Sendable {
    /// Where its requests come, and under which name they are counted.
    private static let beginning = "/repository/"

    /// On the disk.
    private let place: String
    private let tags: RepositoryTags
    private let metrics: ControllerMetrics
    private let route: Route
    private let waiting: WaitingConnections
    private let date = HTTPDate()

    /// nil where what the disk says of a file may be old.
    init?(_ controller: Controller, _ route: Route, _ waiting: WaitingConnections) {
        guard let place = RepositoryFiles.place(controller.folder) else { return nil }
        (self.place, tags, metrics) = (place, controller.repositoryTags, controller.metrics)
        (self.route, self.waiting) = (route, waiting)
    }

    /// Behind Hummingbird's own handlers, which go on to see every request and answer, and before whoever makes a task of it.
    func stand(in pipeline: ChannelPipeline.SynchronousOperations) throws {
        let last = try pipeline.handler(type: HTTPConnectionStateHandler.self)
        try pipeline.addHandler(KnownFileHandler(self), position: .after(last))
    }

    fileprivate func answer(to request: HTTPRequest) -> HTTPResponse? {
        // Who wants the connection closed is served by who closes it.
        guard request.method == .get, let path = request.path, path.hasPrefix(Self.beginning),
            let known = request.headerFields[.ifNoneMatch], request.headerFields[.connection] == nil
        else { return nil }
        // As it is written: a name with escapes, or with a query behind it, was never kept.
        let name = String(path.dropFirst(Self.beginning.count))
        guard let tag = tags.tag(of: place + name), RepositoryFiles.matches(known, tag) else { return nil }
        var headers = RepositoryFiles.headers(name, tag)
        headers[.date] = date.now
        headers[.server] = ControllerServer.name
        return HTTPResponse(status: .notModified, headerFields: headers)
    }

    fileprivate func note(_ response: HTTPResponse, on channel: any Channel, took: Duration) {
        waiting.answered(on: channel)
        metrics.noteRequest(.get, route, status: response.status.code, took: took, isStream: false)
    }
}

/// One of a connection. Requests are answered in their order, so it answers while none other is in progress.
private final class KnownFileHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let files: KnownFiles
    /// Requests that went on and are not answered yet.
    private var inProgress = 0
    /// To the request whose end is awaited.
    private var answer: (response: HTTPResponse, began: ContinuousClock.Instant)?

    init(_ files: KnownFiles) { self.files = files }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let request):
            // Who does not take answers is not given more: the route waits for him.
            if inProgress == 0, context.channel.isWritable {
                let began = ContinuousClock.now
                answer = files.answer(to: request).map { ($0, began) }
            }
            guard answer == nil else { return }
            inProgress += 1
        // Of no use to a GET.
        case .body: guard answer == nil else { return }
        case .end:
            guard let (response, began) = answer else { break }
            answer = nil
            context.write(wrapOutboundOut(.head(response)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            return files.note(response, on: context.channel, took: ContinuousClock.now - began)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { inProgress -= 1 }
        context.write(data, promise: promise)
    }
}

/// The present second as RFC 9110 5.6.7 writes it, made once in it.
private final class HTTPDate: Sendable {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private let last = Mutex<(second: Int64, text: String)>((0, ""))

    var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        let second = Int64(time.tv_sec)
        return last.withLock { last in
            if last.second != second {
                last = (second, Self.text(of: time.tv_sec))
            }
            return last.text
        }
    }

    private static func text(of second: time_t) -> String {
        var (second, parts) = (second, tm())
        gmtime_r(&second, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (day, month) = (days[Int(parts.tm_wday)], months[Int(parts.tm_mon)])
        return "\(day), \(two(parts.tm_mday)) \(month) \(1900 + parts.tm_year) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
