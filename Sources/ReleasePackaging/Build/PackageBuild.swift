import Effects
import ReleaseDefinition

/// One run of the builder.
struct PackageBuild: Sendable {
    let definition: ReleaseDefinition
    let source: Directory
    let blobs: BlobStore
    let sourceDate: UTCInstant
    let base: Manifest?
    let level: Int
    let jobs: Int

    func run() throws -> BuiltPackage {
        try MemberCompressor.check(level)
        let units = try definition.units.map(build)
        let documents = try definition.documents.map { path in
            let plain = try EntryPath(plain: path)
            return ManifestFile(
                path: plain.text, blob: try add(plain, "document", sizeMax: PackageLimits.documentSizeMax))
        }
        let manifest = Manifest(
            definition: definition, units: units, documents: documents,
            build: BuildRecord(
                definition: SHA256Digest(of: try JSONCoding.canonicalBytes(of: definition)),
                compressor: MemberCompressor.name, compressionLevel: level, cut: ContentCutter.rule,
                sourceDate: sourceDate.wholeSeconds))
        let bytes = try manifest.bytes
        // What no host would read is found here, not there: a control character in a summary, too many units.
        guard try Manifest(parsing: bytes) == manifest else {
            throw PackagingError(
                code: "source.manifest", summary: "The manifest of \(definition.name) does not read back as it was.",
                remedy: "Look for unusual characters in the definition's texts.")
        }
        return BuiltPackage(manifest: manifest, manifestBytes: bytes)
    }

    private func build(_ unit: UnitDefinition) throws -> ManifestUnit {
        var unit = unit
        unit.persistent = try unit.persistent.map { try EntryPath(plain: $0).text }
        for index in unit.attributes.indices {
            unit.attributes[index].path = try EntryPath(plain: unit.attributes[index].path).text
        }
        let root = try folder(of: unit)
        var entries = try TreeScan.scan(root)
        guard !entries.isEmpty else {
            throw PackagingError(
                code: "source.empty", summary: "The unit \(unit.name) has no files: \(root.path) is empty.",
                remedy: "Build the files first, or correct `source`.")
        }
        let attributes = try apply(unit.attributes, to: &entries, of: unit.name)
        let old = try baseIndex(of: unit.name)
        let built = try PayloadBuild(
            root: root, entries: entries, into: blobs, warm: old?.members, level: level,
            jobs: jobs
        ).run()
        let index = PayloadIndex(
            members: built.members,
            entries: try dated(entries, built.digests, attributes, old?.index))
        let indexBlob = try PayloadIndex.add(index.bytes, to: blobs)
        return ManifestUnit(
            definition: unit,
            payload: PayloadRecord(
                compressed: built.compressed, tar: built.tar, fileCount: entries.count, index: indexBlob.index,
                indexText: indexBlob.text),
            hooks: try hooks(of: unit))
    }

    /// The folder that the unit's files are in; `.` is the release folder itself.
    private func folder(of unit: UnitDefinition) throws -> Directory {
        do {
            let isWhole = unit.source == "." || unit.source == "./"
            return try source.directory(isWhole ? "." : EntryPath(plain: unit.source).text)
        } catch {
            throw PackagingError(
                code: "source.unit",
                summary:
                    "The unit \(unit.name) takes its files from \(unit.source.debugDescription), which is no folder"
                    + " of \(source.path).",
                remedy: "Build the files first, or correct `source`. A link is not followed.",
                cause: ReportedError(error).description)
        }
    }

    private func hooks(of unit: UnitDefinition) throws -> [ManifestHook] {
        try HookMoment.allCases.compactMap { moment in
            guard let program = unit.hooks[moment] else { return nil }
            let path = try EntryPath(plain: program.path)
            return ManifestHook(
                moment: moment, blob: try add(path, "\(moment.rawValue) hook", sizeMax: PackageLimits.hookSizeMax))
        }
    }

    private func add(_ path: EntryPath, _ what: String, sizeMax: ByteCount) throws -> BlobReference {
        do { return try blobs.add(try source.read(path.text, sizeMax: sizeMax)) } catch let error as EffectsError
            where ["effects.file.absent", "effects.file.tooLarge", "effects.file.isDirectory"].contains(error.code)
        {
            throw PackagingError(
                code: "source.file", summary: "The \(what) \(path) cannot be taken from \(source.path).",
                remedy: "Name a file of the release folder, of at most \(sizeMax).", cause: error.description)
        }
    }

    /// Sets the modes that the definition lists; answers its attributes by path.
    private func apply(
        _ attributes: [PathAttribute], to entries: inout [ScannedEntry], of unit: UnitName
    ) throws -> [EntryPath: PathAttribute] {
        var byPath: [EntryPath: PathAttribute] = [:]
        for attribute in attributes { byPath[try EntryPath(attribute.path)] = attribute }
        var unused = Set(byPath.keys)
        for index in entries.indices {
            guard let attribute = byPath[entries[index].path] else { continue }
            unused.remove(entries[index].path)
            if case .link = entries[index].content { continue }
            if let mode = attribute.mode { entries[index].mode = mode & 0o777 }
        }
        guard let first = unused.min() else { return byPath }
        throw PackagingError(
            code: "source.attribute", summary: "The unit \(unit) sets attributes of \(first), which its files lack.",
            remedy: "Correct the path or remove the attribute.")
    }

    private func dated(
        _ entries: [ScannedEntry], _ digests: [SHA256Digest?], _ attributes: [EntryPath: PathAttribute],
        _ old: PayloadIndex?
    ) throws -> [PayloadEntry] {
        var earlier: [EntryPath: PayloadEntry] = [:]
        for entry in old?.entries ?? [] { earlier[entry.path] = entry }
        return try zip(entries, digests).map { entry, digest in
            let content: PayloadEntry.Content
            switch (entry.content, digest) {
            case (.file(let size, _), let digest?): content = .file(BlobReference(sha256: digest, length: size))
            case (.file, nil): throw TreeScan.changed(entry.path)
            case (.link(let target), _): content = .link(target)
            case (.directory, _): content = .directory
            }
            let before = earlier[entry.path]
            let attribute = attributes[entry.path]
            return PayloadEntry(
                path: entry.path, content: content, mode: entry.mode, owner: attribute?.owner,
                group: attribute?.group,
                changedAt: before?.content == content ? before?.changedAt ?? sourceDate : sourceDate.wholeSeconds)
        }
    }

    /// What the earlier release has of this unit; nil where it has none, or not all of it is here.
    private func baseIndex(of name: UnitName) throws -> (index: PayloadIndex, members: WarmMembers?)? {
        guard let base, let unit = base[unit: name], try blobs.has(unit.payload.index) else { return nil }
        let index = try PayloadIndex(of: unit.payload, in: blobs)
        let isSameCompressor =
            base.build.compressor == MemberCompressor.name && base.build.cut == ContentCutter.rule
            && base.build.compressionLevel == level
        guard isSameCompressor, try blobs.has(unit.payload.compressed) else { return (index, nil) }
        return (index, WarmMembers(index, payload: try blobs.open(unit.payload.compressed)))
    }
}

extension EntryPath {
    /// As people write it: `./hooks/drain` is `hooks/drain`.
    init(plain text: String) throws(PackagingError) {
        guard !text.utf8.starts(with: "/".utf8) else { throw PathFlaw.absolute.error(text) }
        try self.init(text.split(separator: "/").filter { $0 != "." }.joined(separator: "/"))
    }
}
