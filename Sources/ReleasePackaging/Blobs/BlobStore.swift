import Effects
import Glibc
import ReleaseDefinition

/// A folder of files named by the SHA-256 of their bytes: a repository's `blobs/`, an agent's downloads.
///
/// A name appears only when its bytes are complete and on the disk, so what is listed is whole; readers still check what
/// they use. Names that begin with a dot are work in progress: leftovers of a killed process, harmless until `sweep`.
public struct BlobStore: Sendable {
    /// Whether what is finished outlives a power cut. A folder that is emptied before anybody relies on what an earlier process
    /// left in it needs no disk.
    public enum Durability: Sendable { case durable, scratch }

    public let directory: Directory
    public let durability: Durability

    public init(_ directory: Directory, _ durability: Durability = .durable) {
        self.directory = directory
        self.durability = durability
    }

    /// Whether the bytes are there, by name and length.
    public func has(_ blob: BlobReference) throws -> Bool {
        guard let status = try directory.status(blob.sha256.hex) else { return false }
        return status.kind == .file && status.size == blob.length
    }

    /// Whether the bytes that lie there are the blob's: all of them are read.
    public func isWhole(_ blob: BlobReference) throws -> Bool {
        guard try has(blob) else { return false }
        return try directory.openFile(blob.sha256.hex).digest() == blob.sha256
    }

    /// The same for whoever would add them: they count as written now, so that nobody removes them as old.
    func isThere(adding blob: BlobReference) throws -> Bool {
        guard try isWhole(blob) else { return false }
        try directory.openFile(blob.sha256.hex).touch()
        return true
    }

    /// For reading. The bytes are not checked yet: whoever reads compares digests before it uses them.
    /// - Throws: `packaging.blob.absent`, `packaging.blob.length`.
    public func open(_ blob: BlobReference) throws -> OpenFile {
        let file: OpenFile
        do { file = try directory.openFile(blob.sha256.hex) } catch let error as EffectsError
            where error.code == "effects.file.absent"
        {
            throw PackagingError(
                code: "blob.absent", summary: "The blob \(blob.sha256) is not in \(directory.path).",
                remedy: "Fetch or publish it again.")
        }
        let size = try file.size()
        guard size == blob.length else { throw Self.wrongLength(blob, found: size, in: directory.path) }
        return file
    }

    /// All of it, checked.
    /// - Throws: `packaging.blob.absent`, `packaging.blob.length`, `packaging.blob.digest`.
    public func read(_ blob: BlobReference) throws -> [UInt8] {
        let bytes = try open(blob).readAll(sizeMax: blob.length)
        guard BlobReference(of: bytes) == blob else { throw Self.wrongDigest(blob, in: directory.path) }
        return bytes
    }

    /// Keeps the bytes; those that are there already count as written now. Others under their name are replaced.
    @discardableResult
    public func add(_ bytes: [UInt8]) throws -> BlobReference {
        let blob = BlobReference(of: bytes)
        if try isThere(adding: blob) { return blob }
        let writer = try newBlob()
        try bytes.withUnsafeBytes { try writer.write($0) }
        return try writer.finish()
    }

    /// For bytes that come in pieces and whose digest is not known yet.
    public func newBlob() throws -> BlobWriter {
        for _ in 0..<10_000 {
            let name = BlobWriter.nextName()
            do {
                let file = try directory.createFile(name, mode: 0o600)
                // Locked while it is written, so that no sweep takes it; unless one was faster.
                let isMine = flock(file.descriptor, LOCK_EX | LOCK_NB) == 0
                guard isMine, try directory.status(name)?.inode == file.status().inode else { continue }
                return BlobWriter(store: self, name: name, file: file)
            } catch let error as EffectsError where error.code == "effects.file.exists" { continue }
        }
        throw PackagingError(
            code: "blob.leftovers", summary: "\(directory.path) is full of unfinished files.",
            remedy: "Restart the program: it removes them at its start.")
    }

    /// The names of all blobs that were named are on the disk when this returns.
    func syncNames() throws { if durability == .durable { try directory.sync() } }

    public func remove(_ blob: BlobReference) throws { try directory.removeFile(blob.sha256.hex) }

    /// Everything that is whole, by digest. Other names are not ours and are left alone.
    public func digests() throws -> [SHA256Digest] {
        try directory.list().compactMap { entry in
            entry.kind == .file ? try? SHA256Digest(hex: entry.name) : nil
        }
    }

    public func removeAll() throws {
        for digest in try digests() { try directory.removeFile(digest.hex) }
        try sweep()
    }

    /// Removes what killed writers left, and the partial downloads but these. Writers that are alive, here or in another
    /// process, are left alone; downloads are not told apart: name those that go on.
    public func sweep(keeping partials: Set<SHA256Digest> = []) throws {
        let kept = Set(partials.map { Self.partialPrefix + $0.hex })
        for entry in try directory.list() {
            if entry.name.hasPrefix(Self.partialPrefix), !kept.contains(entry.name) {
                try directory.removeTree(entry.name)
            } else if entry.name.hasPrefix(BlobWriter.prefix) {
                try sweepWriter(entry)
            }
        }
    }

    private func sweepWriter(_ entry: DirectoryEntry) throws {
        guard entry.kind == .file else { return try directory.removeTree(entry.name) }
        let file: OpenFile
        do { file = try directory.openFile(entry.name) } catch let error as EffectsError
            where error.code == "effects.file.absent"
        { return }
        // The lock is held until the name is gone.
        try withExtendedLifetime(file) {
            if flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 { try directory.removeFile(entry.name) }
        }
    }

    static func wrongLength(_ blob: BlobReference, found: ByteCount, in path: String) -> PackagingError {
        PackagingError(
            code: "blob.length",
            summary: "The blob \(blob.sha256) in \(path) has \(found.value) bytes, signed are \(blob.length.value).",
            remedy: "Remove it and fetch it again.")
    }

    static func wrongDigest(_ blob: BlobReference, in path: String) -> PackagingError {
        PackagingError(
            code: "blob.digest", summary: "The bytes of the blob \(blob.sha256) in \(path) have another digest.",
            remedy: "Remove it and fetch it again; if that repeats, the disk or the server is damaged or tampered with."
        )
    }
}

/// Downloads that may stop and go on later.
extension BlobStore {
    static let partialPrefix = ".partial-"

    /// The beginning of a blob that is being fetched, opened to append: its size is where to go on. One that is already
    /// longer than the blob is emptied.
    public func partial(_ blob: BlobReference) throws -> OpenFile {
        let file = try directory.appendFile(Self.partialPrefix + blob.sha256.hex)
        if try file.size() > blob.length { try file.truncate(to: ByteCount(0)) }
        return file
    }

    /// Checks a finished partial file and gives it its name. A wrong one is removed.
    /// - Throws: `packaging.blob.length`, `packaging.blob.digest`.
    public func adoptPartial(_ blob: BlobReference) throws {
        let name = Self.partialPrefix + blob.sha256.hex
        let file = try directory.openFile(name)
        let size = try file.size()
        guard size == blob.length else { throw Self.wrongLength(blob, found: size, in: directory.path) }
        guard try file.digest() == blob.sha256 else {
            try directory.removeFile(name)
            throw Self.wrongDigest(blob, in: directory.path)
        }
        try file.setMode(0o644)
        if durability == .durable { try file.sync() }
        try directory.renameUnsynced(name, to: blob.sha256.hex)
        try syncNames()
    }

    public func discardPartial(_ blob: BlobReference) throws {
        try directory.removeFile(Self.partialPrefix + blob.sha256.hex)
    }
}
