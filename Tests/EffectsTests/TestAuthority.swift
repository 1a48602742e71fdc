import ReleaseDefinition
import Testing
import TestSupport

@testable import Effects

/// Certificates made by the openssl command: an authority, a server for 127.0.0.1 and localhost, a client.
struct TestAuthority {
    let folder: TemporaryFolder

    init() async throws {
        folder = try TemporaryFolder()
        try await openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out",
            "ca.pem", "-days", "2", "-subj", "/CN=insecure-test-authority")
    }

    /// `NAME.pem` and `NAME.key`.
    func issue(_ name: String, subjectAlternativeName: String) async throws {
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "\(name).key", "-out",
            "\(name).csr", "-subj", "/CN=insecure-test-\(name)")
        let lines = "subjectAltName=\(subjectAlternativeName)\nextendedKeyUsage=serverAuth,clientAuth\n"
        try folder.directory.writeDurably("\(name).ext", Array(lines.utf8))
        try await openssl(
            "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
            "\(name).pem", "-days", "2", "-extfile", "\(name).ext")
    }

    func pem(_ file: String) throws -> String {
        String(decoding: try folder.directory.read(file, sizeMax: ByteCount(1 << 16)), as: UTF8.self)
    }

    func identity(client name: String? = nil) throws -> TLSIdentity {
        TLSIdentity(
            trustRoots: try pem("ca.pem"), certificateChain: try name.map { try pem("\($0).pem") },
            privateKey: try name.map { try pem("\($0).key") })
    }

    private func openssl(_ arguments: String...) async throws {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/openssl", arguments: arguments, environment: ["PATH": "/usr/bin:/bin"],
                workingDirectory: folder.path, timeout: .seconds(60)))
        try #require(result.end == .exited(0), "\(result.output)")
    }
}
