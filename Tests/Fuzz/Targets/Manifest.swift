import Effects
import ReleaseDefinition

@testable import ReleasePackaging

/// A manifest is refused, or it is in its only form.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    do {
        let manifest = try Manifest(parsing: bytes)
        promise(try manifest.bytes == bytes, "there is one form of a manifest")
        promise(!manifest.units.isEmpty, "a manifest has a unit")
        for (name, _) in manifest.packageEntries { _ = try EntryPath(name) }
    } catch { refused(error) }
    return 0
}
