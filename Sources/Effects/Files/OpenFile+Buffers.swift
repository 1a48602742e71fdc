import Glibc
import ReleaseDefinition

/// Reading and writing without an array for every call: for whoever moves many megabytes.
extension OpenFile {
    /// The next bytes; 0 at the end of the file; may be fewer than fit.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try SystemCall.check("read", path) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// Fills the buffer from `offset` on; answers fewer bytes only where the file ends.
    public func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let start = filled
            let got = try SystemCall.check("pread", path) {
                pread(
                    descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start, off_t(offset) + start)
            }
            if got == 0 { break }
            filled += got
        }
        return filled
    }

    /// Writes all of it at `offset`.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
        var done = 0
        while done < bytes.count {
            let start = done
            done += try SystemCall.check("pwrite", path) {
                pwrite(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start, off_t(offset) + start)
            }
        }
    }
}

extension Directory {
    /// The directory itself, not what is in it.
    public func setOwner(_ ownerID: UInt32, group groupID: UInt32) throws {
        try SystemCall.check("fchown", path) { fchown(descriptor, ownerID, groupID) }
    }

    /// Sets access and modification time of the directory itself.
    public func setModified(at instant: UTCInstant) throws {
        let time = OpenFile.time(instant)
        try SystemCall.check("futimens", path) { futimens(descriptor, [time, time]) }
    }

    /// Owner of a symbolic link, not of what it points to.
    public func setLinkOwner(_ path: String, _ ownerID: UInt32, group groupID: UInt32) throws {
        let full = try fullPath(path)
        let place = try place(of: path)
        try SystemCall.check("fchownat", full) {
            fchownat(place.descriptor, place.name, ownerID, groupID, AT_SYMLINK_NOFOLLOW)
        }
    }
}
