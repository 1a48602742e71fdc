import ReleaseDefinition

/// The strict parser under everything that is signed: what it accepts has one canonical form, which reads as the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    do {
        let value = try JSONValue(parsing: bytes)
        // The canonical form leaves control characters as they are: it is signed, and read only where there are none.
        for form in [value.prettyBytes, value.wireBytes] {
            promise(
                try JSONValue(parsing: form).canonicalBytes == value.canonicalBytes, "each form reads as the same value"
            )
        }
    } catch { refused(error) }
    return 0
}
