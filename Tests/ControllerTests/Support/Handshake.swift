import Effects
import ReleaseDefinition

/// What `openssl s_client` sees.
enum Handshake {
    /// PEM of the certificate that a new connection is shown.
    static func serverCertificate(port: Int) async throws -> String {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/openssl", arguments: ["s_client", "-connect", "127.0.0.1:\(port)"],
                workingDirectory: "/", timeout: .seconds(30)))
        let begin = "-----BEGIN CERTIFICATE-----"
        let end = "-----END CERTIFICATE-----\n"
        guard let start = result.output.firstRange(of: begin),
            let stop = result.output[start.lowerBound...].firstRange(of: end)
        else { throw TestFailure("openssl s_client: \(result.output)") }
        return String(result.output[start.lowerBound..<stop.upperBound])
    }
}

/// Requests that no program of ours makes.
enum OpenSSL {
    /// PEM, with a new key as the arguments of `openssl req` say.
    static func signingRequest(_ arguments: [String]) async throws -> String {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/openssl",
                arguments: ["req", "-new", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"] + arguments,
                workingDirectory: "/", timeout: .seconds(60)))
        guard result.end == .exited(0), let start = result.output.firstRange(of: "-----BEGIN CERTIFICATE REQUEST-----")
        else { throw TestFailure("openssl req: \(result.output)") }
        return String(result.output[start.lowerBound...])
    }
}
