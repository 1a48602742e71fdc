import Glibc
import ReleaseDefinition

/// An open regular file. Closed with the last reference; calls may come from any thread (`read(upTo:)`, `write(_:)` and
/// `seek` share one position).
public final class OpenFile: Sendable {
    /// For messages only.
    public let path: String
    public let descriptor: Int32

    /// One read asks for no more, whatever the caller wants: memory follows the data, not the request.
    private static let readSizeMax = 16 << 20

    /// Takes the descriptor over.
    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// The next bytes; empty at the end of the file; may be shorter than asked for.
    public func read(upTo count: Int) throws -> [UInt8] {
        let count = min(max(count, 0), Self.readSizeMax)
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try SystemCall.check("read", path) { Glibc.read(descriptor, buffer.baseAddress, count) }
        }
    }

    /// `count` bytes from `offset` on; fewer only where the file ends.
    public func read(at offset: Int64, count: Int) throws -> [UInt8] {
        let left = max(0, try size().value - max(offset, 0))
        let wanted = Int(clamping: min(Int64(clamping: max(count, 0)), left))
        return try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            filled = 0
            while filled < wanted {
                let start = filled
                let got = try SystemCall.check("pread", path) {
                    pread(descriptor, buffer.baseAddress?.advanced(by: start), wanted - start, off_t(offset) + start)
                }
                if got == 0 { break }
                filled += got
            }
        }
    }

    /// Everything from the start, or an error if it is longer than `sizeMax`.
    public func readAll(sizeMax: ByteCount) throws -> [UInt8] {
        let size = try size()
        guard size <= sizeMax else {
            throw EffectsError(
                code: "file.tooLarge",
                summary: "\(path) has \(size.value) bytes, at most \(sizeMax.value) are allowed.",
                remedy: "Check that this is the right file.")
        }
        return try read(at: 0, count: Int(clamping: size.value))
    }

    /// Writes all of it at the position (at the end for a file opened to append).
    public func write(_ bytes: some Collection<UInt8>) throws {
        let direct: Void? = try bytes.withContiguousStorageIfAvailable { try write(UnsafeRawBufferPointer($0)) }
        if direct == nil { try Array(bytes).withUnsafeBytes { try write($0) } }
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            done += try SystemCall.check("write", path) {
                Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            }
        }
    }

    /// Writes all of it at `offset`. A file opened to append ignores the offset (a habit of Linux).
    public func write(_ bytes: [UInt8], at offset: Int64) throws {
        try bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                done += try SystemCall.check("pwrite", path) {
                    pwrite(
                        descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + done)
                }
            }
        }
    }

    public func seek(to offset: Int64) throws {
        try SystemCall.check("lseek", path) { lseek(descriptor, off_t(offset), SEEK_SET) }
    }

    public func truncate(to size: ByteCount) throws {
        try SystemCall.check("ftruncate", path) { ftruncate(descriptor, off_t(size.value)) }
    }

    /// Data and size are on the disk when this returns.
    public func sync() throws { try SystemCall.check("fsync", path) { fsync(descriptor) } }

    public func size() throws -> ByteCount { try status().size }

    public func status() throws -> FileStatus { try Self.status(of: descriptor, path) }

    static func status(of descriptor: Int32, _ path: String) throws -> FileStatus {
        var status = stat()
        try SystemCall.check("fstat", path) { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    public func setMode(_ mode: UInt16) throws {
        try SystemCall.check("fchmod", path) { fchmod(descriptor, mode_t(mode)) }
    }

    public func setOwner(_ ownerID: UInt32, group groupID: UInt32) throws {
        try SystemCall.check("fchown", path) { fchown(descriptor, ownerID, groupID) }
    }

    /// Sets access and modification time to the present.
    public func touch() throws { try SystemCall.check("futimens", path) { futimens(descriptor, nil) } }

    /// Sets access and modification time.
    public func setModified(at instant: UTCInstant) throws {
        let time = OpenFile.time(instant)
        try SystemCall.check("futimens", path) { futimens(descriptor, [time, time]) }
    }
}
