import Effects
import FoundationEssentials
import NIOSSL
import ReleaseDefinition

/// A host: its name and what it shows to TLS.
struct LoadIdentity: Codable {
    var host: String
    var key: String
    /// PEM.
    var chain: String
    /// PEM.
    var authorities: String

    struct TooFew: Error {}

    static func read(_ file: String, count: Int) throws -> [LoadIdentity] {
        let lines = try Data(contentsOf: URL(filePath: file)).split(separator: 0x0A).prefix(count)
        guard lines.count == count else { throw TooFew() }
        return try lines.map { try JSONCoding.decode(LoadIdentity.self, from: $0) }
    }

    func context() throws -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorities.utf8)))
        tls.certificateVerification = .noHostnameVerification
        tls.applicationProtocols = ["http/1.1"]
        if !chain.isEmpty {
            tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8)).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
        }
        return try NIOSSLContext(configuration: tls)
    }
}
