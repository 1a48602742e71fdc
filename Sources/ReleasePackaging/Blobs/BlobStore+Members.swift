import Effects
import ReleaseDefinition

/// Parts of a payload that is not fetched whole.
extension BlobStore {
    /// A file as long as the blob, of which only some members are filled in: holes read as zeros, which no digest fits.
    public func sparse(_ blob: BlobReference) throws -> OpenFile {
        let name = Self.sparseName(blob)
        let file: OpenFile
        do { file = try directory.createFile(name, mode: 0o600) } catch let error as EffectsError
            where error.code == "effects.file.exists"
        { file = try directory.updateFile(name) }
        if try file.size() != blob.length { try file.truncate(to: blob.length) }
        return file
    }

    public func discardSparse(_ blob: BlobReference) throws { try directory.removeFile(Self.sparseName(blob)) }

    private static func sparseName(_ blob: BlobReference) -> String { partialPrefix + blob.sha256.hex + "-members" }
}

extension PayloadIndex {
    /// Which of the members are whole in a file that may have holes: told by their digests, nothing else is kept of it.
    public func wholeMembers(among members: [Int], of payload: OpenFile) throws -> Set<Int> {
        let starts = compressedStarts
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ContentCutter.sizeMax + 1024, alignment: 16)
        defer { buffer.deallocate() }
        var whole: Set<Int> = []
        for number in members {
            let member = self.members[number].compressed
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(clamping: member.length.value)])
            guard try payload.read(at: starts[number], into: bytes) == bytes.count else { continue }
            var hasher = SHA256Hasher()
            hasher.update(UnsafeRawBufferPointer(bytes))
            if hasher.finish() == member.sha256 { whole.insert(number) }
        }
        return whole
    }
}
