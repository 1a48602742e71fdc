import Effects
import ReleaseDefinition
import TestSupport

@testable import ReleasePackaging

/// A package file that lies: starts as an honest one, every part can be changed, and what binds a part can be made to agree
/// again.
struct PackageForge {
    var manifest: Manifest
    /// Replaces the manifest's own bytes.
    var manifestBytes: [UInt8]?
    /// After the manifest, in this order.
    var entries: [(name: String, bytes: [UInt8])]
    var header: @Sendable (String, inout TarForge.Header) -> Void = { _, _ in }
    var tail: [UInt8] = []
    var lengthMax: Int?

    init(_ built: BuiltPackage, blobs: BlobStore) throws {
        manifest = built.manifest
        entries = try built.manifest.packageEntries.map { ($0.name, try blobs.read($0.blob)) }
    }

    var bytes: [UInt8] {
        get throws {
            var forge = TarForge()
            for (name, bytes) in [("manifest.json", try manifestBytes ?? manifest.bytes)] + entries {
                forge.add(name, content: bytes) { header(name, &$0) }
            }
            forge.end()
            let bytes = forge.bytes + tail
            return Array(bytes.prefix(lengthMax ?? bytes.count))
        }
    }

    static let index = "units/web.index.gz"
    static let payload = "units/web.tar.gz"

    subscript(name: String) -> [UInt8] {
        get { entries.first { $0.name == name }?.bytes ?? [] }
        set {
            guard let place = entries.firstIndex(where: { $0.name == name }) else { return }
            entries[place].bytes = newValue
        }
    }

    /// Changes the text of the index and binds it again: the publisher lies, not somebody on the way.
    mutating func index(_ change: (inout String) -> Void) throws {
        let record = manifest.units[0].payload
        var text = String(decoding: try PayloadIndex.text(fromCompressed: self[Self.index], for: record), as: UTF8.self)
        change(&text)
        self[Self.index] = try PayloadIndex.compressed(Array(text.utf8))
        manifest.units[0].payload.index = BlobReference(of: self[Self.index])
        manifest.units[0].payload.indexText = BlobReference(of: Array(text.utf8))
    }

    /// Changes the manifest's text.
    mutating func manifestText(_ old: String, _ new: String) throws {
        let text = String(decoding: try manifest.bytes, as: UTF8.self)
        precondition(text.contains(old), "the manifest does not hold \(old)")
        manifestBytes = Array(text.replacing(old, with: new).utf8)
    }
}
