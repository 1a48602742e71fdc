import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL
import ReleaseDefinition

/// Words for what went wrong beneath: one code for what a caller may decide upon.
enum HTTPFailure {
    static func error(_ error: any Error, _ url: String) -> any Error {
        switch error {
        case is EffectsError, is CancellationError: error
        case let error as HTTPClientError: client(error, url)
        case let error as NIOConnectionError: unreachable(url, connectionCause(error))
        case let error as NIOSSLError: tls(error, url)
        case let error as NIOSSLExtraError: extraTLS(error, url)
        case let error as BoringSSLError: tls(.handshakeFailed(error), url)
        case let error as IOError: closedOrUnreachable(error, url)
        case is ChannelError: make("closed", "\(url): the connection broke.", tryAgain, "\(error)")
        // The HTTP parser's word for a connection that closed within a body.
        case let error where "\(error)" == "stream ended at an unexpected time": client(.remoteConnectionClosed, url)
        // Errors of the HTTP parser and whatever else the client brings up; errors of the caller's own callbacks were
        // set apart before.
        default: make("protocol", "\(url) does not speak HTTP as it must.", checkAddress, "\(error)")
        }
    }

    private static let tryAgain = "It can be tried again; if it stays so, look at the server's log."
    private static let checkAddress = "Check address and port, and that no other program answers there."

    private static func make(_ code: String, _ summary: String, _ remedy: String, _ cause: String?) -> EffectsError {
        EffectsError(code: "http." + code, summary: summary, remedy: remedy, cause: cause)
    }

    private static func client(_ error: HTTPClientError, _ url: String) -> any Error {
        switch error {
        case .cancelled, .requestStreamCancelled: CancellationError()
        case .invalidURL, .emptyHost, .emptyScheme, .missingSocketPath: invalidURL(url)
        case .connectTimeout, .getConnectionFromPoolTimeout: unreachable(url, error.shortDescription)
        case .tlsHandshakeTimeout: make("timeout", "\(url): the TLS handshake did not end in time.", tryAgain, nil)
        case .readTimeout, .writeTimeout, .deadlineExceeded:
            make("timeout", "\(url) did not answer in time.", tryAgain, error.shortDescription)
        case .remoteConnectionClosed, .uncleanShutdown:
            make("closed", "\(url): the server closed the connection before its answer was whole.", tryAgain, nil)
        case .proxyAuthenticationRequired:
            make(
                "proxy.credentials", "\(url): the proxy wants another user and password (407).",
                "Correct the file that `proxy.credentials` names, and start the program again.", nil)
        case .invalidProxyResponse, .httpProxyHandshakeTimeout:
            make(
                "proxy.refused", "\(url): the proxy made no tunnel there.",
                "See that the proxy allows CONNECT to this server and port, and reaches it.", error.shortDescription)
        case .alreadyShutdown:
            make("shutDown", "The HTTP client was shut down.", "This program is ending: nothing is to be done.", nil)
        default:
            error.shortDescription == "Unsupported scheme"
                ? invalidURL(url) : make("protocol", "\(url): \(error.shortDescription).", checkAddress, "\(error)")
        }
    }

    static func invalidURL(_ url: String) -> EffectsError {
        make("url", "\(url.debugDescription) is no address.", "Write it as https://host:port/path.", nil)
    }

    static func noAuthority(_ url: String) -> EffectsError {
        make(
            "tls.untrusted", "\(url) asks for TLS, but no certificate authority is known to trust.",
            "Give the controller's authority: the system's certificate store is never used.", nil)
    }

    private static func unreachable(_ url: String, _ cause: String) -> EffectsError {
        make(
            "unreachable", "\(url): no connection.",
            "Check that the server runs, the name and port are right and no firewall is between.", cause)
    }

    private static func closedOrUnreachable(_ error: IOError, _ url: String) -> EffectsError {
        switch error.errnoCode {
        case ECONNRESET, EPIPE: make("closed", "\(url): the connection broke.", tryAgain, error.description)
        default: unreachable(url, SystemCall.message(error.errnoCode))
        }
    }

    private static func connectionCause(_ error: NIOConnectionError) -> String {
        var parts = error.connectionErrors.map { one in
            (one.error as? IOError).map { SystemCall.message($0.errnoCode) } ?? "\(one.error)"
        }
        if parts.isEmpty, let lookup = error.dnsAError ?? error.dnsAAAAError { parts = ["name look-up: \(lookup)"] }
        return parts.isEmpty ? "\(error)" : parts.joined(separator: "; ")
    }

    private static func extraTLS(_ error: NIOSSLExtraError, _ url: String) -> EffectsError {
        guard error == .failedToValidateHostname else {
            return make("tls.failed", "\(url): TLS failed.", checkAddress, error.description)
        }
        return make(
            "tls.hostName", "\(url): the server's certificate is for another name.",
            "Use a name or address that the certificate lists, or issue one that lists this.", error.description)
    }

    /// `CERTIFICATE_VERIFY_FAILED` out of a line with numbers and source files.
    private static func tlsReason(_ text: String) -> String {
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
        return words.first { $0.contains("_") && $0 == $0.uppercased() }.map(String.init) ?? text
    }

    /// The peer went away, before it had said what it thinks of us or after: as a connection in the clear that broke, of which
    /// a proxy whose servers are all away makes one after another.
    private static func isEnd(_ error: NIOSSLError) -> Bool {
        switch error {
        case .uncleanShutdown: true
        case .handshakeFailed(.sslError(let stack)): stack.contains(.eofDuringHandshake)
        case .handshakeFailed(.syscallError), .handshakeFailed(.zeroReturn): true
        default: false
        }
    }

    private static func tls(_ error: NIOSSLError, _ url: String) -> EffectsError {
        if isEnd(error) {
            return make("closed", "\(url): the server closed the connection.", tryAgain, "\(error)")
        }
        let text = tlsReason("\(error)")
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return make(
                "tls.untrusted", "\(url): the server's certificate is not from an authority we trust.",
                "Check that this is the right server; if it has a new authority, join again.", text)
        }
        if text.contains("PROTOCOL_VERSION") || text.contains("UNSUPPORTED_PROTOCOL") {
            return make(
                "tls.failed", "\(url): the server does not speak TLS 1.3.",
                "Let the server, or the proxy before it, speak TLS 1.3.", text)
        }
        if text.contains("ALERT") {
            return make(
                "tls.refused", "\(url): the server ended the TLS session; it may refuse our certificate.",
                "Look at the server's log; if this host was revoked or its certificate expired, join again.", text)
        }
        return make("tls.failed", "\(url): TLS failed.", checkAddress, text)
    }
}
