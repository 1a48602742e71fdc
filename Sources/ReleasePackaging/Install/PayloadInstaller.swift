import Effects
import ReleaseDefinition

/// Puts a payload on a host, and checks one that is there.
public enum PayloadInstaller {
    /// Makes the unit's tree in `staging`, an empty folder; durable when it returns.
    ///
    /// Nothing is used before it was checked against the manifest: the index by digest, each member by digest before it is
    /// inflated, to just its signed length, headers by comparison with what the index demands, each file by digest. Every
    /// component is opened beneath `staging` without following links, and links are made last.
    ///
    /// - Parameters:
    ///   - base: the tree of an earlier release: a file that is there with the same bytes is taken from it.
    ///   - unchanged: how. A linked file is shared with the earlier release: only where the service cannot write it.
    /// - Throws: `packaging.blob.…`, `packaging.index.…`, `packaging.payload.…`, `packaging.staging.…`, `effects.file.…`.
    ///   What was made is left for the caller to remove; nothing outside `staging` was touched.
    @discardableResult
    public static func unpack(
        _ unit: ManifestUnit, blobs: BlobStore, into staging: Directory, base: Directory? = nil,
        unchanged: UnchangedFiles = .copy, jobs: Int = Workers.coreCount
    ) throws -> UnpackSummary {
        let index = try PayloadIndex(of: unit.payload, in: blobs)
        let reader = PayloadReader(index, payload: try blobs.open(unit.payload.compressed))
        return try unpack(
            unit, index: index, members: reader, into: staging, base: base.map { BaseTree($0) }, unchanged: unchanged,
            jobs: jobs)
    }

    /// The same with members from anywhere: a payload, a part of one, a patch.
    /// - Parameter index: parsed for `unit`.
    @discardableResult
    public static func unpack(
        _ unit: ManifestUnit, index: PayloadIndex, members: any MemberReader, into staging: Directory,
        base: BaseTree? = nil, unchanged: UnchangedFiles = .copy, jobs: Int = Workers.coreCount
    ) throws -> UnpackSummary {
        try install(index, members: members, into: staging, base: base, unchanged: unchanged, jobs: jobs)
    }

    @discardableResult
    static func install(
        _ index: PayloadIndex, members: any MemberReader, into staging: Directory, base: BaseTree?,
        unchanged: UnchangedFiles, jobs: Int
    ) throws -> UnpackSummary {
        let accounts = try HostAccounts(resolving: index.entries)
        let jobs = max(1, min(jobs, 64))
        try checkFiles(index.entries, mayLink: base != nil && unchanged == .link, in: staging)
        let habits = try CreationHabits(of: staging)
        let folders = TreeFolders(
            entries: index.entries, staging: staging, accounts: accounts, habits: habits, jobs: jobs)
        try folders.make()
        var isPresent = [Bool](repeating: false, count: index.entries.count)
        if let base {
            for place in try UnchangedCopier(
                index.entries, from: base, into: staging, accounts: accounts, habits: habits, how: unchanged
            ).run(jobs: jobs) { isPresent[place] = true }
        }
        try checkSpace(index.entries, isPresent: isPresent, in: staging)
        let layout = try TarLayout(index.entries)
        let needed = PayloadNeeds.members(of: index, layout) { isPresent[$0] }
        try MemberUnpacker(
            index, layout: layout, members: members, staging: staging, accounts: accounts, habits: habits,
            isPresent: isPresent
        ).run(needed, jobs: jobs)
        try folders.finish()
        try staging.syncFileSystem()
        return UnpackSummary(index.entries, isPresent: isPresent, members: needed.count)
    }

    /// A full disk is found before anything is written to it, where it can be.
    private static func checkSpace(_ entries: [PayloadEntry], isPresent: [Bool], in staging: Directory) throws {
        var needed: Int64 = 0
        for (entry, isPresent) in zip(entries, isPresent) where !isPresent {
            // Blocks of 4 KiB, and one for each entry itself; at most a tebibyte in all, so no sum overflows.
            needed += ((entry.file?.length.value ?? 0) + 4095) / 4096 * 4096
        }
        let free = try staging.freeSpace()
        guard free.value >= needed else {
            throw PackagingError(
                code: "staging.space",
                summary: "The release needs \(ByteCount(needed)) in \(staging.path), \(free) are free.",
                remedy: "The installed release is kept. Free some space and try again.")
        }
    }

    /// So is a file system that can hold no more files.
    private static func checkFiles(_ entries: [PayloadEntry], mayLink: Bool, in staging: Directory) throws {
        guard let free = try staging.freeFiles() else { return }
        // A linked file needs none.
        let needed = entries.count { !mayLink || $0.file == nil }
        guard free >= needed else {
            throw PackagingError(
                code: "staging.files",
                summary:
                    "The release has \(needed) files, folders and links, \(staging.path) has room for \(free) more.",
                remedy: "The installed release is kept. Remove files that nobody needs and try again.")
        }
    }
}
