import Effects
import ReleaseDefinition

/// A repository to read from: where it is and what each request carries.
public struct RepositoryAddress: Sendable {
    /// `https://host:8443/repository`, `http://127.0.0.1:8080`.
    public var baseURL: String
    /// Sent with each request, as a proxy or object store may want.
    public var headers: [HTTPField]
    /// Where its files are as well; nil: nowhere. The door to it must know the same ones.
    public var mirrors: Mirrors?
    private let metadataURL: String
    private let targetsURL: String

    public init(baseURL: String, headers: [HTTPField] = [], mirrors: Mirrors? = nil) {
        self.baseURL = baseURL
        self.mirrors = mirrors
        self.headers = headers
        metadataURL = RepositoryLayout.url(baseURL, RepositoryLayout.metadata)
        targetsURL = RepositoryLayout.url(baseURL, RepositoryLayout.targets)
    }

    /// Another's repository: the two folders may lie anywhere, and there are no others.
    public init(metadataURL: String, targetsURL: String) {
        baseURL = metadataURL
        headers = []
        mirrors = nil
        self.metadataURL = metadataURL
        self.targetsURL = targetsURL
    }

    /// - Parameter fileName: as `MetadataRequest` gives it: percent-encoded already.
    func metadata(_ fileName: String) -> String { RepositoryLayout.url(metadataURL, "") + fileName }

    /// - Parameter filePath: of the file, the hash in its last component.
    func target(_ filePath: String) -> String { RepositoryLayout.url(targetsURL, filePath) }

    func request(
        _ path: String, headers more: [HTTPField] = [], sizeMax: ByteCount, timeout: TimeSpan = .seconds(60)
    ) -> HTTPRequest {
        request(url: RepositoryLayout.url(baseURL, path), headers: more, sizeMax: sizeMax, timeout: timeout)
    }

    func request(
        url: String, headers more: [HTTPField] = [], sizeMax: ByteCount, timeout: TimeSpan = .seconds(60)
    ) -> HTTPRequest {
        // Lengths and hashes are of the bytes as published: no coding on the way.
        HTTPRequest(
            "GET", url,
            headers: headers + [HTTPField("Accept-Encoding", "identity")] + more, responseSizeMax: sizeMax,
            timeout: timeout)
    }

    /// What came from there was not what was signed.
    /// - Returns: whether another place may have it.
    func doubt(_ path: String) -> Bool { doubt(url: RepositoryLayout.url(baseURL, path)) }
    func doubt(url: String) -> Bool { mirrors?.doubt(url) ?? false }

    /// Words for an answer that is none of those expected.
    func error(_ status: Int, _ path: String) -> DistributionError {
        error(status, url: RepositoryLayout.url(baseURL, path))
    }

    func error(_ status: Int, url: String) -> DistributionError {
        switch status {
        case 404, 410:
            return DistributionError(
                code: "absent", summary: "\(url) is not there (status \(status)).",
                remedy: "Check the repository's address; if it is right, publish again.")
        case 401, 403:
            return DistributionError(
                code: "forbidden", summary: "\(url) was refused (status \(status)).",
                remedy: "A repository is read without credentials, or with the headers in the agent's settings: check "
                    + "the server. An object store (S3) says 403 of what is not there to whoever may not list the "
                    + "bucket: let everybody list it too (s3:ListBucket).")
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
