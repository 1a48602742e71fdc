import ReleaseDefinition

/// A proxy that is asked for a tunnel (CONNECT, RFC 9110 9.3.6) to each server: it sees the server's name and port, and
/// where TLS is spoken nothing else.
public struct HTTPProxy: Sendable, Equatable {
    public var host: String
    public var port: Int
    /// For Basic authentication (RFC 7617); never shown.
    public var credential: Credential?
    /// Servers that are asked without it: `10.0.0.5`, `mirror.example`, `.internal` for all names that end so.
    public var except: [String]

    public struct Credential: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
        public var user: String
        public var password: String
        public var description: String { "credential" }
        public var debugDescription: String { description }

        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        /// `user:password`, as it stands in a file; a line's end after it is not part of it.
        /// - Throws: `effects.http.proxy.form`.
        public init(text: String) throws(EffectsError) {
            let line = text.utf8.prefix { $0 != 0x0A && $0 != 0x0D }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon != line.startIndex,
                line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
                text.utf8.dropFirst(line.count).allSatisfy({ $0 == 0x0A || $0 == 0x0D })
            else {
                throw EffectsError(
                    code: "http.proxy.form", summary: "The proxy's credential is not of the form user:password.",
                    remedy: "Write user, colon and password on one line of the file, and nothing else.")
            }
            user = String(decoding: line[..<colon], as: UTF8.self)
            password = String(decoding: line[line.index(after: colon)...], as: UTF8.self)
        }
    }

    /// - Parameter url: `http://proxy.example:3128`.
    /// - Throws: `effects.http.proxy.form`.
    public init(url: String, credential: Credential? = nil, except: [String] = []) throws(EffectsError) {
        guard url.hasPrefix("http://"), let (host, port) = Self.server(of: url), let port,
            url.dropFirst("http://".count).allSatisfy({ $0 != "/" && $0 != "@" })
        else {
            throw EffectsError(
                code: "http.proxy.form", summary: "\(url.debugDescription) is no address of a proxy.",
                remedy: "Write it as http://proxy.example:3128; user and password go into a file of their own.")
        }
        (self.host, self.port) = (host, port)
        self.credential = credential
        self.except = except
    }

    public init(host: String, port: Int, credential: Credential?, except: [String]) {
        (self.host, self.port) = (host, port)
        self.credential = credential
        self.except = except
    }

    /// As it is connected to.
    public var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether this URL's server is asked through it.
    public func serves(_ url: String) -> Bool {
        guard let name = Self.server(of: url)?.host.lowercased() else { return true }
        return !except.contains { rule in
            let rule = rule.lowercased()
            return rule.hasPrefix(".") ? name.hasSuffix(rule) : name == rule
        }
    }

    /// `https://[::1]:8443/x` is `::1` and 8443; nil where no connection can be made of it.
    static func server(of url: String) -> (host: String, port: Int?)? {
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let authority = parts[1].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        var host = authority
        var rest: Substring = ""
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<end]
            rest = authority[authority.index(after: end)...]
        } else if let colon = authority.firstIndex(of: ":") {
            (host, rest) = (authority[..<colon], authority[colon...])
        }
        guard !host.isEmpty else { return nil }
        guard rest.hasPrefix(":") else { return rest.isEmpty ? (String(host), nil) : nil }
        guard let port = Int(rest.dropFirst()), (1...65535).contains(port) else { return nil }
        return (String(host), port)
    }
}
