import Effects
import ReleaseDefinition

/// The tar stream of a scanned tree, read in pieces of any size; files are opened one after another and hashed on the way.
/// For one thread at a time.
final class TarStream {
    private enum Position {
        case entry
        case header([UInt8], done: Int)
        case content(OpenFile, left: Int64)
        case padding(Int)
        case end(left: Int)
    }

    private let root: Directory
    private let entries: [ScannedEntry]
    private var position = Position.entry
    private var next = 0
    private var hasher: SHA256Hasher?
    /// The files' digests, by the entry's place; complete when the stream has ended.
    private(set) var digests: [SHA256Digest?]

    init(root: Directory, entries: [ScannedEntry]) {
        self.root = root
        self.entries = entries
        digests = Array(repeating: nil, count: entries.count)
    }

    /// The next bytes; 0 only at the end of the stream.
    /// - Throws: `packaging.source.changed`, `effects.file.…`.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            switch position {
            case .entry: try openNext()
            case .header(let bytes, let done):
                let count = min(bytes.count - done, buffer.count)
                bytes.withUnsafeBytes {
                    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[done..<done + count]))
                }
                position = .header(bytes, done: done + count)
                if done + count == bytes.count { try openContent() }
                return count
            case .content(let file, let left):
                return try readContent(file, left: left, into: buffer)
            case .padding(let left):
                let count = Self.zero(buffer, left)
                position = left == count ? .entry : .padding(left - count)
                return count
            case .end(let left):
                let count = Self.zero(buffer, left)
                position = .end(left: left - count)
                return count
            }
        }
    }

    private func openNext() throws {
        guard next < entries.count else {
            position = .end(left: TarFormat.endSize)
            return
        }
        position = .header(entries[next].tarEntry.header(), done: 0)
        next += 1
    }

    /// After a header: a file's content, if it has one.
    private func openContent() throws {
        let entry = entries[next - 1]
        guard case .file(let size, _) = entry.content else {
            position = .entry
            return
        }
        hasher = SHA256Hasher()
        let file: OpenFile
        do { file = try root.openFile(entry.path.text) } catch let error as EffectsError
            where ["effects.file.absent", "effects.file.isDirectory", "effects.file.escape"].contains(error.code)
        { throw TreeScan.changed(entry.path) }
        try check(file, entry)
        if size.value == 0 { try close(file, size: 0) } else { position = .content(file, left: size.value) }
    }

    private func readContent(
        _ file: OpenFile, left: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, Int(clamping: left))])
        let count = try file.read(into: room)
        guard count > 0 else { throw TreeScan.changed(entries[next - 1].path) }
        hasher?.update(UnsafeRawBufferPointer(rebasing: room[..<count]))
        position = .content(file, left: left - Int64(count))
        if left == Int64(count) { try close(file, size: entries[next - 1].tarEntry.size) }
        return count
    }

    private func close(_ file: OpenFile, size: Int64) throws {
        try check(file, entries[next - 1])
        digests[next - 1] = hasher.take()?.finish()
        let padding = TarFormat.padding(after: size)
        position = padding == 0 ? .entry : .padding(padding)
    }

    /// The file must be what the scan saw, before and after it was read.
    private func check(_ file: OpenFile, _ entry: ScannedEntry) throws {
        let status = try file.status()
        guard entry.content == .file(size: status.size, modifiedAt: status.modifiedAt) else {
            throw TreeScan.changed(entry.path)
        }
    }

    private static func zero(_ buffer: UnsafeMutableRawBufferPointer, _ left: Int) -> Int {
        let count = min(left, buffer.count)
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]).initializeMemory(as: UInt8.self, repeating: 0)
        return count
    }
}

extension ScannedEntry {
    var tarEntry: TarEntry {
        switch content {
        case .directory: TarEntry(path: path, content: .directory, mode: mode)
        case .file(let size, _): TarEntry(path: path, content: .file(size: size.value), mode: mode)
        case .link(let target): TarEntry(path: path, content: .link(target), mode: mode)
        }
    }
}
