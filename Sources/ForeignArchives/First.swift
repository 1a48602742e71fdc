import CArchive

/// The version of libarchive that is linked.
enum ArchiveLibrary {
    static var version: Int32 { archive_version_number() }
}
