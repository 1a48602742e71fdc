import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Requests over kept connections, each as soon as the one before it was answered.
struct LoadPoll {
    private struct Sum {
        var requests = 0
        var notModified = 0
        var other = 0
        var latencies: [Double] = []
        var tag: String?
    }

    /// `@unchecked`: everything that changes is touched on `loop` alone.
    private final class Poller: @unchecked Sendable {
        let loop: any EventLoop
        private let request: ByteBuffer
        private(set) var sum = Sum()
        private var channel: (any Channel)?
        private var since = NIODeadline.now()
        private var ends = NIODeadline.now()

        init(_ request: String, on loop: any EventLoop) {
            (self.request, self.loop) = (ByteBuffer(string: request), loop)
        }

        func begin(_ channel: any Channel, until ends: NIODeadline) {
            (self.channel, self.ends) = (channel, ends)
            ask()
        }

        private func ask() {
            since = .now()
            channel?.writeAndFlush(request, promise: nil)
        }

        func receive(_ event: LoadEvent) {
            switch event {
            case .head(let status, let tag):
                sum.tag = tag
                if status == 304 { sum.notModified += 1 } else { sum.other += 1 }
            case .end:
                sum.requests += 1
                let now = NIODeadline.now()
                sum.latencies.append(Double((now - since).nanoseconds) / 1e6)
                if now < ends { ask() } else { channel?.close(promise: nil) }
            case .body, .closed: break
            }
        }
    }

    private let port: Int
    private let request: String
    private let context: NIOSSLContext
    private let group: MultiThreadedEventLoopGroup

    init(port: Int, path: String, tag: String, identity: LoadIdentity, group: MultiThreadedEventLoopGroup) throws {
        let known = tag == "-" ? "" : "If-None-Match: \(tag)\r\n"
        request = LoadExchange.request("GET", path, headers: "User-Agent: slipway-agent\r\n" + known)
        context = try identity.context()
        (self.port, self.group) = (port, group)
    }

    /// - Returns: one line of JSON.
    func run(connections: Int, seconds: Int) async throws -> String {
        var pollers: [Poller] = []
        let ends = NIODeadline.now() + .seconds(Int64(seconds))
        for number in 0..<connections {
            let poller = Poller(request, on: group.next())
            pollers.append(poller)
            let channel = try await LoadConnection.open(
                context, port: port, number: number, on: poller.loop, receive: { poller.receive($0) }
            ).get()
            poller.loop.execute { poller.begin(channel, until: ends) }
        }
        try await Task.sleep(for: .seconds(Double(seconds) + 0.5))
        var all = Sum()
        for poller in pollers {
            let sum = try await poller.loop.submit { poller.sum }.get()
            all.requests += sum.requests
            all.notModified += sum.notModified
            all.other += sum.other
            all.latencies += sum.latencies
            all.tag = sum.tag
        }
        let sorted = all.latencies.sorted()
        let p99 = sorted.isEmpty ? 0 : sorted[sorted.count * 99 / 100]
        let tag = (all.tag ?? "").replacing("\"", with: "\\\"")
        return """
            {"requests":\(all.requests),"notModified":\(all.notModified),"other":\(all.other),"p99":\(p99),\
            "requestBytes":\(request.utf8.count),"tag":"\(tag)"}
            """
    }
}
