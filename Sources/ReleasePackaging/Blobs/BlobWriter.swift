import Effects
import Glibc
import ReleaseDefinition
import Synchronization

/// A blob in the making: hashed while it is written, named when it is finished (or with others of a `BlobBatch`). Given up
/// before, it leaves nothing. Not for several threads at once.
public final class BlobWriter {
    static let prefix = ".new-"
    private static let counter = Atomic<Int>(0)

    private let store: BlobStore
    private let name: String
    private let file: OpenFile
    private var hasher: SHA256Hasher? = SHA256Hasher()
    private var length: Int64 = 0
    /// What waits to be written: the kernel likes few large pieces.
    private var pending: [UInt8] = []
    private static let pendingMax = 1 << 18
    /// Whether there is a file under its temporary name.
    private var isThere = true

    init(store: BlobStore, name: String, file: OpenFile) {
        self.store = store
        self.name = name
        self.file = file
    }

    deinit {
        // Given up: a full disk must not be kept full by what could not be finished.
        if isThere { try? store.directory.removeFile(name) }
    }

    /// Unique among this machine's living processes; a leftover of that name makes the caller take the next.
    static func nextName() -> String {
        "\(prefix)\(getpid())-\(counter.wrappingAdd(1, ordering: .relaxed).oldValue)"
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        hasher?.update(bytes)
        length += Int64(bytes.count)
        if pending.count + bytes.count > Self.pendingMax { try flush() }
        if bytes.count >= Self.pendingMax { return try file.write(bytes) }
        if pending.isEmpty { pending.reserveCapacity(Self.pendingMax) }
        pending.append(contentsOf: bytes)
    }

    private func flush() throws {
        try file.write(pending)
        pending.removeAll(keepingCapacity: true)
    }

    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Durable when it returns (where the store is). Called once; nothing is written afterwards.
    public func finish() throws -> BlobReference {
        let blob = try written()
        try name(blob)
        try store.syncNames()
        return blob
    }

    /// The same for bytes that must be those of `blob`; answers false, and keeps nothing, if they are others.
    public func finish(expecting blob: BlobReference) throws -> Bool {
        guard try written() == blob else {
            try store.directory.removeFile(name)
            isThere = false
            return false
        }
        try name(blob)
        try store.syncNames()
        return true
    }

    /// What was written. Called once; then only `name` may be.
    func written() throws -> BlobReference {
        try flush()
        pending = []
        guard let hasher = hasher.take() else { preconditionFailure("a blob is finished once") }
        return BlobReference(sha256: hasher.finish(), length: ByteCount(length))
    }

    /// Gives it its name; its bytes are on the disk then, the name is when the store's names are synced.
    func name(_ blob: BlobReference) throws {
        try file.setMode(0o644)
        if store.durability == .durable { try file.sync() }
        try store.directory.renameUnsynced(name, to: blob.sha256.hex)
        isThere = false
    }
}

/// Blobs that are named together, when the last of them is there: what fails before leaves nothing in the store, and the
/// folder is synced once. Not for several threads at once.
final class BlobBatch {
    /// Each holds a descriptor until it is named.
    private static let waitingMax = 64

    private let store: BlobStore
    private var waiting: [(writer: BlobWriter, blob: BlobReference)] = []

    init(_ store: BlobStore) { self.store = store }

    func newBlob() throws -> BlobWriter { try store.newBlob() }

    /// Nothing to do if the bytes are there already.
    func add(_ bytes: [UInt8]) throws -> BlobReference {
        let blob = BlobReference(of: bytes)
        if waiting.contains(where: { $0.blob == blob }) { return blob }
        if try store.isThere(adding: blob) { return blob }
        let writer = try store.newBlob()
        try writer.write(bytes)
        return try add(writer)
    }

    func add(_ writer: BlobWriter) throws -> BlobReference {
        let blob = try writer.written()
        waiting.append((writer, blob))
        if waiting.count == Self.waitingMax { try nameAll() }
        return blob
    }

    /// All of it is in the store, and durable, when this returns.
    func commit() throws {
        try nameAll()
        try store.syncNames()
    }

    private func nameAll() throws {
        for (writer, blob) in waiting { try writer.name(blob) }
        waiting = []
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
