import CArchive

/// What an entry says of itself. Lent by libarchive until the next header is read; nothing here is checked yet.
struct ArchiveHeader {
    enum Kind: Equatable {
        case file, directory
        case symlink(target: [UInt8])
        case hardLink(target: [UInt8])
        /// A device, pipe or socket, or what no tar has.
        case special
    }

    private let entry: OpaquePointer

    init(entry: OpaquePointer) { self.entry = entry }

    var path: [UInt8] {
        Self.bytes(archive_entry_pathname(entry)) ?? Self.bytes(archive_entry_pathname_utf8(entry)) ?? []
    }

    var kind: Kind {
        if let target = Self.bytes(archive_entry_hardlink(entry)) ?? Self.bytes(archive_entry_hardlink_utf8(entry)) {
            return .hardLink(target: target)
        }
        switch archive_entry_filetype(entry) {
        case 0o100000: return .file
        case 0o040000: return .directory
        case 0o120000:
            let target = Self.bytes(archive_entry_symlink(entry)) ?? Self.bytes(archive_entry_symlink_utf8(entry))
            return .symlink(target: target ?? [])
        default: return .special
        }
    }

    /// nil where the header does not say.
    var size: Int64? { archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : nil }
    /// The twelve low bits.
    var mode: UInt16 { UInt16(truncatingIfNeeded: archive_entry_perm(entry) & 0o7777) }
    var isSparse: Bool { archive_entry_sparse_count(entry) > 0 }

    /// The name of what no package carries; nil where there is none.
    var extendedAttribute: String? {
        if archive_entry_xattr_reset(entry) > 0 {
            var (name, value, count): (UnsafePointer<CChar>?, UnsafeRawPointer?, Int) = (nil, nil, 0)
            guard archive_entry_xattr_next(entry, &name, &value, &count) == ARCHIVE_OK, let name else {
                return "unnamed"
            }
            return String(cString: name)
        }
        // 0x3D00: every type of list, POSIX and NFSv4.
        if archive_entry_acl_types(entry) & 0x3D00 != 0 { return "access control list" }
        return nil
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
        guard let text else { return nil }
        var bytes: [UInt8] = []
        var next = text
        while next.pointee != 0 {
            bytes.append(UInt8(bitPattern: next.pointee))
            next += 1
        }
        return bytes
    }
}
