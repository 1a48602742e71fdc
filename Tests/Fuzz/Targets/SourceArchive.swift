import Effects
import ReleaseDefinition

@testable import ReleasePackaging

/// The strict tar reader as the controller uses it for uploads: a refusal of ours, or a tree inside the folder.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let limits = ArchiveLimits(entriesMax: 64, sizeMax: ByteCount(1 << 20))
    for bytes in [bytes, withChecksums(bytes)] {
        var reader = TarReader(ByteArraySource(bytes), limits: limits)
        var entries: [TarEntry] = []
        do {
            while let entry = try reader.next() { entries.append(entry) }
        } catch {
            refused(error)
            continue
        }
        do {
            let tree = try Scratch.empty("tree")
            try SourceArchive.extract(bytes, into: tree, limits: limits)
            for entry in entries {
                let kind = try tree.status(entry.path.text)?.kind
                switch entry.content {
                case .directory: promise(kind == .directory, "\(entry.path) is a folder")
                case .file: promise(kind == .file, "\(entry.path) is a file")
                case .link: promise(kind == .symlink, "\(entry.path) is a link")
                }
            }
        } catch { promise(false, "what the reader accepts can be extracted: \(error)") }
    }
    return 0
}
