import AsyncHTTPClient
import NIOCore
import NIOSSL
import ReleaseDefinition

/// Where a server's certificate is not believed, the reason is often this host's own clock (R31). Asks the server for its time,
/// without believing it: the answer only chooses the words of an error.
enum ClockDoubt {
    /// Two machines' clocks, and the way between them, differ by less.
    static let least = TimeSpan.minutes(5)
    private static let timeout = TimeAmount.seconds(5)

    /// - Returns: the server's time; nil: it does not say.
    static func time(at url: String, proxy: HTTPProxy?) async -> UTCInstant? {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.trustRoots = .certificates([])
        tls.certificateVerification = .none
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: timeout),
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        if let proxy, proxy.serves(url) {
            configuration.proxy = .server(
                host: proxy.host, port: proxy.port,
                authorization: proxy.credential.map { .basic(username: $0.user, password: $0.password) })
        }
        let client = HTTPClient(eventLoopGroupProvider: .shared(EventLoopThread.shared), configuration: configuration)
        var request = HTTPClientRequest(url: parts[0...2].joined(separator: "/") + "/")
        request.method = .HEAD
        let head = try? await client.execute(request, timeout: timeout)
        try? await client.shutdown()
        return head?.headers.first(name: "Date").flatMap(instant)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`. RFC 9110 5.6.7; nothing else that is still allowed there.
    static func instant(_ text: String) -> UTCInstant? {
        let words = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[5] == "GMT", words[1].utf8.count == 2, words[3].utf8.count == 4,
            let month = months.firstIndex(of: String(words[2]))
        else { return nil }
        return try? UTCInstant("\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4])Z")
    }

    /// - Returns: nil: the two agree.
    static func error(_ url: String, theirs: UTCInstant, ours: UTCInstant, cause: String?) -> EffectsError? {
        let off = TimeSpan(milliseconds: abs(theirs.since(ours).milliseconds))
        guard off >= least else { return nil }
        return EffectsError(
            code: "http.tls.clock",
            summary:
                "\(url): this host's clock is off by \(off.words) against the server: it says \(ours.wholeSeconds), "
                + "the server \(theirs.wholeSeconds). The server's certificate is not believed.",
            remedy:
                "Set this host's clock (timedatectl, chronyc); if it is right, the server is not the one it should be.",
            cause: cause)
    }
}
