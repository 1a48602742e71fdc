import Effects
import Glibc
import ReleaseDefinition
import Synchronization

/// A blob in the making: hashed while it is written, named when it is finished. Not for several threads at once.
public final class BlobWriter {
    static let prefix = ".new-"
    private static let counter = Atomic<Int>(0)

    private let store: BlobStore
    private let name: String
    private let file: OpenFile
    private var hasher: SHA256Hasher? = SHA256Hasher()
    private var length: Int64 = 0

    init(store: BlobStore, name: String, file: OpenFile) {
        self.store = store
        self.name = name
        self.file = file
    }

    deinit {
        // Given up: a full disk must not be kept full by what could not be finished.
        if hasher != nil { try? store.directory.removeFile(name) }
    }

    /// Unique among this machine's living processes; a leftover of that name makes the caller take the next.
    static func nextName() -> String {
        "\(prefix)\(getpid())-\(counter.wrappingAdd(1, ordering: .relaxed).oldValue)"
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        try file.write(bytes)
        hasher?.update(bytes)
        length += Int64(bytes.count)
    }

    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Durable when it returns. Called once; nothing is written afterwards.
    public func finish() throws -> BlobReference {
        let blob = written()
        try publish(blob)
        return blob
    }

    /// The same for bytes that must be those of `blob`; answers false, and keeps nothing, if they are others.
    public func finish(expecting blob: BlobReference) throws -> Bool {
        guard written() == blob else {
            try store.directory.removeFile(name)
            return false
        }
        try publish(blob)
        return true
    }

    private func written() -> BlobReference {
        guard let hasher = hasher.take() else { preconditionFailure("a blob is finished once") }
        return BlobReference(sha256: hasher.finish(), length: ByteCount(length))
    }

    private func publish(_ blob: BlobReference) throws {
        do {
            try file.setMode(0o644)
            try file.sync()
            try store.directory.rename(name, to: blob.sha256.hex)
        } catch {
            try? store.directory.removeFile(name)
            throw error
        }
    }
}

extension OpenFile {
    /// The digest of everything in the file, in pieces.
    func digest() throws -> SHA256Digest {
        var hasher = SHA256Hasher()
        var offset: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(at: offset, into: buffer)
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += Int64(count)
            if count < buffer.count { return hasher.finish() }
        }
    }
}
