import Glibc

/// IPv4 and IPv6 addresses as certificates hold them.
enum NetworkAddress {
    /// 4 or 16 bytes; nil where the text is a name.
    static func bytes(of text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: &six) { Array($0) } }
        return nil
    }

    static var hostName: String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty else { return nil }
        return name
    }
}

/// `HOST:PORT`, where HOST may be an IPv6 address in brackets.
struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    var host: String
    var port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Throws: `controller.setup.address`.
    init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let host = parts.dropLast().joined(separator: ":")
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        // An IPv6 address stands in brackets, nothing else does.
        guard let last = parts.last, let port = UInt16(last), !bare.isEmpty, (host == bare) != bare.contains(":") else {
            throw ControllerError.setup(
                "address", "\(text.debugDescription) is no address to listen on.",
                remedy: "Write HOST:PORT, as 0.0.0.0:8443 or [::1]:8443.")
        }
        self.init(host: bare, port: Int(port))
    }

    var listensEverywhere: Bool { host == "0.0.0.0" || host == "::" }
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
