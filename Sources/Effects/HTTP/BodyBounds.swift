import ReleaseDefinition

/// Holds one body to its bound while it arrives, in whatever pieces: what was announced is judged before a byte is read,
/// what comes is counted, and nothing beyond the bound is handed on.
struct BodyBounds: Sendable {
    private let url: String
    private let sizeMax: ByteCount
    private(set) var taken: Int64 = 0

    /// - Parameter contentLength: the header as it came; whether it is a number at all, the HTTP parser has judged.
    /// - Throws: `effects.http.bodyTooLarge`.
    init(_ url: String, sizeMax: ByteCount, contentLength: String?) throws(EffectsError) {
        self.url = url
        self.sizeMax = sizeMax
        guard let contentLength, let announced = Int64(contentLength), announced > sizeMax.value else { return }
        throw Self.tooLarge(url, sizeMax, announced: announced)
    }

    /// The next piece, before it is used.
    /// - Throws: `effects.http.bodyTooLarge`.
    mutating func take(_ count: Int) throws(EffectsError) {
        guard count >= 0, Int64(count) <= sizeMax.value - taken else { throw Self.tooLarge(url, sizeMax) }
        taken += Int64(count)
    }

    private static func tooLarge(_ url: String, _ sizeMax: ByteCount, announced: Int64? = nil) -> EffectsError {
        let found = announced.map { "announces \($0) bytes" } ?? "sends more"
        return EffectsError(
            code: "http.bodyTooLarge", summary: "\(url) \(found), at most \(sizeMax.value) bytes are accepted.",
            remedy: "Check that the address is right; a file of this kind is never that large.")
    }
}
