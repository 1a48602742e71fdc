import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// Writes a repository's files in the order that keeps every reader whole: blobs, targets, roles, root, snapshot,
/// timestamp, director; each durable before the next, so no name that a reader sees is dangling.
///
/// A publish that was killed leaves files that nothing names yet; publishing the same, or the state after it, completes
/// it. One publisher at a time for a repository.
public struct RepositoryPublisher: Sendable {
    public let root: Directory
    /// `blobs/`: a builder may write here directly.
    public let blobs: BlobStore
    private let metadata: Directory
    private let targets: Directory
    private let director: Directory
    private let sets: Directory

    private static let fileSizeMax = ByteCount(8 << 20)

    /// Makes the folders and removes what killed writers left. Nobody else writes into the repository at this moment.
    public init(_ root: Directory) throws {
        self.root = root
        metadata = try root.createDirectory(RepositoryLayout.metadata)
        targets = try root.createDirectory(RepositoryLayout.targets)
        director = try root.createDirectory(RepositoryLayout.director)
        sets = try director.createDirectory(RepositoryLayout.sets)
        blobs = BlobStore(try root.createDirectory(RepositoryLayout.blobs))
        try root.sync()
        try blobs.sweep()
        for folder in [metadata, director, sets] {
            for entry in try folder.list() where entry.name.hasPrefix(".") { try folder.removeTree(entry.name) }
        }
    }

    /// - Throws: `distribution.publish.missingBlob`, `distribution.publish.conflict`; nothing is named then that is not
    ///   there, and the same publication can be tried again.
    public func publish(_ publication: RepositoryPublication) throws {
        for blob in publication.blobs { try publish(blob, from: publication.source) }
        for target in publication.targets { try publish(target) }
        let published = publishedVersions()
        // Stable: the writer's order stays, save that the timestamp, which makes all the rest known, comes last.
        for file in publication.metadata.filter({ !$0.isMutable }) { try publish(file, published) }
        for file in publication.metadata.filter(\.isMutable) { try replace(file.name, file.bytes, in: metadata) }
        for channel in publication.channels {
            try replace("\(channel.name.text).json", channel.envelope.canonicalBytes, in: director)
        }
    }

    /// The channel says nothing any more. Hosts that follow it keep what they have.
    public func withdraw(channel: ChannelName) throws {
        try director.removeFile("\(channel.text).json")
        try director.sync()
    }

    /// Says for each set which words its channels have now. Later than the channels: whoever hears of a word finds it.
    public func publish(_ sets: some Sequence<ChannelSet>) throws {
        for set in sets {
            var words = ChannelSetWords(channels: [:])
            for channel in set.channels {
                let bytes = try director.readIfPresent("\(channel.text).json", sizeMax: Self.fileSizeMax)
                words.channels[channel.text] = bytes.map { SHA256Digest(of: $0) }
            }
            try replace("\(set.id).json", JSONCoding.canonicalBytes(of: words), in: self.sets)
        }
    }

    /// Sets that no host follows any more go.
    public func keepOnly(_ sets: some Sequence<ChannelSet>) throws {
        let names = Set(sets.map { "\($0.id).json" })
        for entry in try self.sets.list() where !names.contains(entry.name) { try self.sets.removeTree(entry.name) }
    }

    /// One that is there is read once: its length alone says nothing of its bytes. A damaged one goes, so that nobody
    /// fetches it and the next submission writes it anew.
    private func publish(_ blob: BlobReference, from source: BlobStore?) throws {
        if try blobs.isWhole(blob) { return }
        try blobs.remove(blob)
        guard let source, try source.has(blob) else {
            throw DistributionError(
                code: "publish.missingBlob", summary: "Blob \(blob.sha256) is not in \(root.path)/blobs.",
                remedy: "Submit the release again: nothing that names the blob was published.")
        }
        let file = try source.open(blob)
        let writer = try blobs.newBlob()
        while true {
            let piece = try file.read(upTo: 1 << 20)
            if piece.isEmpty { break }
            try writer.write(piece)
        }
        guard try writer.finish(expecting: blob) else {
            throw DistributionError(
                code: "publish.damagedBlob",
                summary: "Blob \(blob.sha256) has other bytes in \(source.directory.path).",
                remedy: "Submit the release again: the disk may be damaged.")
        }
    }

    private func publish(_ target: PublishedTarget) throws {
        let path = TargetPath.file(of: target.path, sha256: SHA256Digest(of: target.bytes))
        if (try? targets.read(path, sizeMax: Self.fileSizeMax)) == target.bytes { return }
        if let slash = path.lastIndex(of: "/") { try createDurably(String(path[..<slash])) }
        try targets.writeDurably(path, target.bytes)
    }

    /// Every folder on the way is in its parent durably before the file is written.
    private func createDurably(_ path: String) throws {
        var folder = targets
        for part in path.split(separator: "/") {
            let next = try folder.createDirectory(String(part))
            try folder.sync()
            folder = next
        }
    }

    /// A numbered file never changes once somebody may have read it. One of another content that nothing names yet is
    /// what a killed publish left, and is replaced.
    private func publish(_ file: MetadataFile, _ published: PublishedVersions) throws {
        let old: [UInt8]?
        do { old = try metadata.readIfPresent(file.name, sizeMax: Self.fileSizeMax) } catch let error as EffectsError
            where error.code == "effects.file.tooLarge"
        { old = [] }
        if old == file.bytes { return }
        if old != nil, published.mayName(file.name) {
            throw DistributionError(
                code: "publish.conflict", summary: "\(metadata.path)/\(file.name) is published with other content.",
                remedy: "A version is published once. If the controller was restored from a backup, advance its "
                    + "metadata beyond the published versions.")
        }
        try metadata.writeDurably(file.name, file.bytes)
    }

    /// The name stays the same: whoever reads finds the old file or the new one.
    private func replace(_ name: String, _ bytes: [UInt8], in folder: Directory) throws {
        if (try? folder.read(name, sizeMax: Self.fileSizeMax)) == bytes { return }
        try folder.writeDurably(name, bytes)
    }

    /// What readers may know by now: from the timestamp that is out, and the snapshot that it names.
    private func publishedVersions() -> PublishedVersions {
        func parse(_ name: String) -> JSONValue? {
            (try? metadata.read(name, sizeMax: Self.fileSizeMax)).flatMap { try? JSONValue(parsing: $0) }
        }
        guard let timestamp = parse(MetadataFile.timestampName),
            let number = timestamp["signed"]?["meta"]?["snapshot.json"]?["version"]?.integerValue
        else { return PublishedVersions(snapshot: nil, files: nil) }
        let snapshot = parse(MetadataFile.name(role: "snapshot", version: number))
        return PublishedVersions(snapshot: number, files: snapshot?["signed"]?["meta"])
    }
}

/// Which numbered files a reader can have heard of.
private struct PublishedVersions {
    var snapshot: Int64?
    /// `signed.meta` of the snapshot; nil when it cannot be read.
    var files: JSONValue?

    func mayName(_ fileName: String) -> Bool {
        guard let dot = fileName.firstIndex(of: "."), let version = Int64(fileName[..<dot]) else { return true }
        let name = String(fileName[fileName.index(after: dot)...])
        // Clients ask for the next root without being told of it.
        if name == "root.json" { return true }
        guard let snapshot else { return false }
        if name == "snapshot.json" { return version <= snapshot }
        guard let files else { return true }
        return files[name]?["version"]?.integerValue.map { version <= $0 } ?? false
    }
}
