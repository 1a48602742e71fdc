import ControllerAPI
import FoundationEssentials
import Hummingbird
import ReleaseDefinition
import ReleasePackaging

extension ControllerRoutes {
    /// What people read of a package: runbook, back-out steps, known errors, training material.
    static func documents(_ controller: Controller) -> [Route] {
        let base = "/v1/releases/{product}/{version}"
        return [
            Route(.get, "\(base)/documents", access: .person(.view), scope: .product) { request in
                Responses.json(ListView(items: try await controller.documents(of: try name(request))))
            },
            Route(.get, "\(base)/document/**", access: .person(.view), scope: .product) { request in
                let path = request.parameters["**"]?.removingPercentEncoding ?? ""
                let bytes = try await controller.document(path, of: try name(request))
                return Responses.bytes(bytes, type: "application/octet-stream")
            },
        ]
    }
}

extension Controller {
    static let documentMax = ByteCount(16 << 20)

    func documents(of name: ReleaseName) throws -> [ReleaseDocumentView] {
        _ = try release(name)
        return (manifest(of: name)?.documents ?? []).map { ReleaseDocumentView(path: $0.path, length: $0.blob.length) }
    }

    /// Checked against the signed digest.
    func document(_ path: String, of name: ReleaseName) throws -> [UInt8] {
        _ = try release(name)
        guard let document = manifest(of: name)?.documents.first(where: { $0.path == path }) else {
            throw ControllerError.notFound(
                "document \(path.debugDescription) of \(name)", remedy: "slipway release docs \(name)")
        }
        guard document.blob.length <= Self.documentMax else {
            throw ControllerError.conflict(
                "documentSize", "\(path) has \(document.blob.length), at most \(Self.documentMax) are shown.",
                remedy: "slipway package unpack takes it out of the package.")
        }
        return try publisher.blobs.read(document.blob)
    }
}
