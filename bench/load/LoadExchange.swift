import NIOCore
import NIOSSL

struct LoadAnswer {
    var status: Int
    var body: [UInt8]
}

/// One request after the other, over one connection that is opened where there is none.
///
/// `@unchecked`: everything but `loop` is touched on `loop` alone.
final class LoadExchange: @unchecked Sendable {
    struct Broken: Error {}

    private let context: NIOSSLContext
    private let port: Int
    private let number: Int
    let loop: any EventLoop
    private var channel: (any Channel)?
    private var answer = LoadAnswer(status: 0, body: [])
    private var waiting: EventLoopPromise<LoadAnswer>?
    private var used = NIODeadline.now()
    /// As an agent's client closes what it did not use for a minute; each has a descriptor, and there are few.
    private static let idleMax = TimeAmount.seconds(40)

    init(_ context: NIOSSLContext, port: Int, number: Int, on loop: any EventLoop) {
        (self.context, self.port, self.number, self.loop) = (context, port, number, loop)
    }

    static func request(_ method: String, _ path: String, headers: String = "", body: String = "") -> String {
        let length = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        return "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\(length)\r\n\(body)"
    }

    func send(_ request: String) -> EventLoopFuture<LoadAnswer> {
        loop.flatSubmit { [self] in
            let promise = loop.makePromise(of: LoadAnswer.self)
            waiting = promise
            used = .now()
            if let channel {
                channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
            } else {
                LoadConnection.open(context, port: port, number: number, on: loop) { [self] in receive($0) }
                    .whenComplete { [self] result in
                        switch result {
                        case .success(let made):
                            channel = made
                            watch(made)
                            made.writeAndFlush(ByteBuffer(string: request), promise: nil)
                        case .failure(let error): finish(.failure(error))
                        }
                    }
            }
            return promise.futureResult
        }
    }

    private func watch(_ channel: any Channel) {
        loop.scheduleTask(in: Self.idleMax) { [self] in
            guard channel.isActive else { return }
            if waiting == nil, .now() - used > Self.idleMax { channel.close(promise: nil) } else { watch(channel) }
        }
    }

    func close() { loop.execute { [self] in channel?.close(promise: nil) } }

    private func receive(_ event: LoadEvent) {
        switch event {
        case .head(let status, _): answer = LoadAnswer(status: status, body: [])
        case .body(let part): answer.body += part.readableBytesView
        case .end: finish(.success(answer))
        case .closed:
            channel = nil
            finish(.failure(Broken()))
        }
    }

    private func finish(_ result: Result<LoadAnswer, any Error>) {
        let promise = waiting
        waiting = nil
        promise?.completeWith(result)
    }
}
