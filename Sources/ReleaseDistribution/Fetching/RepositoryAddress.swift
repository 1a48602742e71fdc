import Effects
import ReleaseDefinition

/// A repository to read from: where it is and what each request carries.
public struct RepositoryAddress: Sendable {
    /// `https://host:8443/repository`, `http://127.0.0.1:8080`.
    public var baseURL: String
    /// Sent with each request, as a proxy or object store may want.
    public var headers: [HTTPField]

    public init(baseURL: String, headers: [HTTPField] = []) {
        self.baseURL = baseURL
        self.headers = headers
    }

    func request(
        _ path: String, headers more: [HTTPField] = [], sizeMax: ByteCount, timeout: TimeSpan = .seconds(60)
    ) -> HTTPRequest {
        // Lengths and hashes are of the bytes as published: no coding on the way.
        HTTPRequest(
            "GET", RepositoryLayout.url(baseURL, path),
            headers: headers + [HTTPField("Accept-Encoding", "identity")] + more, responseSizeMax: sizeMax,
            timeout: timeout)
    }

    /// Words for an answer that is none of those expected.
    func error(_ status: Int, _ path: String) -> DistributionError {
        let url = RepositoryLayout.url(baseURL, path)
        switch status {
        case 404, 410:
            return DistributionError(
                code: "absent", summary: "\(url) is not there (status \(status)).",
                remedy: "Check the repository's address; if it is right, publish again.")
        case 401, 403:
            return DistributionError(
                code: "forbidden", summary: "\(url) was refused (status \(status)).",
                remedy: "A repository is read without credentials, or with the headers in the agent's settings: check "
                    + "the server.")
        case 408, 425, 429, 500...599:
            return DistributionError(
                code: "unavailable", summary: "\(url) is not available now (status \(status)).",
                remedy: "It is tried again; if it stays so, look at the server.")
        default:
            return DistributionError(
                code: "status", summary: "\(url) answered with status \(status).",
                remedy: "Check the repository's address; redirects are never followed.")
        }
    }
}
