import Effects
import ReleaseDefinition

/// One run of the builder. What it makes gets its names when all of it is there.
struct PackageBuild {
    let definition: ReleaseDefinition
    let source: Directory
    let inputs: BuildInputs
    let blobs: BlobStore
    let sourceDate: UTCInstant
    let base: PackageBase?
    let level: Int
    let jobs: Int
    let progress: BuildProgressReport
    private let batch: BlobBatch

    init(
        definition: ReleaseDefinition, source: Directory, inputs: BuildInputs, blobs: BlobStore, sourceDate: UTCInstant,
        base: PackageBase?, level: Int, jobs: Int, progress: BuildProgressReport
    ) {
        self.definition = definition
        self.source = source
        self.inputs = inputs
        self.blobs = blobs
        self.sourceDate = sourceDate
        self.base = base
        self.level = level
        self.jobs = jobs
        self.progress = progress
        batch = BlobBatch(blobs)
    }

    func run() throws -> BuiltPackage {
        try MemberCompressor.check(level)
        var plans = try definition.units.flatMap { unit in try unit.sources.map { try plan(unit, $0.variant, $0.path) }
        }
        // What the scan and the base's index needed in passing.
        Heap.giveBack()
        progress.begin(total: ByteCount(plans.reduce(0) { $0 + $1.stream.length }))
        let units = try plans.indices.map { try build(&plans[$0]) }
        let manifest = Manifest(
            definition: definition, units: units, documents: try documents(), values: try values(),
            build: BuildRecord(
                definition: SHA256Digest(of: try JSONCoding.canonicalBytes(of: definition)),
                compressor: MemberCompressor.name, compressionLevel: level, cut: ContentCutter.rule,
                sourceDate: sourceDate.wholeSeconds, inputs: inputs.record(of: definition)))
        let bytes = try manifest.bytes
        // What no host would read is found here, not there: a control character in a summary, too many units.
        guard try Manifest(parsing: bytes) == manifest else {
            throw PackagingError(
                code: "source.manifest", summary: "The manifest of \(definition.name) does not read back as it was.",
                remedy: "Look for unusual characters in the definition's texts.")
        }
        try batch.commit()
        return BuiltPackage(manifest: manifest, manifestBytes: bytes)
    }

    /// What is known of a unit before its files are read.
    private struct Plan {
        var unit: UnitDefinition
        var variant: VariantName?
        var stream: SourceStream
        var attributes: [EntryPath: PathAttribute]
        var warm: WarmMembers?
        /// By the place of the entry; nil for what the base has not.
        var earlier: [EarlierEntry?]

        /// What only the payload and the dates needed.
        mutating func forget() {
            stream.forget()
            (warm, earlier) = (nil, [])
        }
    }

    private struct EarlierEntry {
        var content: PayloadEntry.Content
        var changedAt: UTCInstant
    }

    private func plan(_ unit: UnitDefinition, _ variant: VariantName?, _ path: String) throws -> Plan {
        var unit = unit
        unit.persistent = try unit.persistent.map { try EntryPath(plain: $0).text }
        for index in unit.attributes.indices {
            unit.attributes[index].path = try EntryPath(plain: unit.attributes[index].path).text
        }
        let root = try folder(path, of: unit)
        let name = unit.name
        var (entries, earlier) = try Workers.both(
            { try TreeScan.scan(root) },
            { [base, level] in
                try base?.unit(
                    name, variant: variant, compressor: MemberCompressor.name, level: level, cut: ContentCutter.rule)
            })
        guard !entries.isEmpty else {
            throw PackagingError(
                code: "source.empty", summary: "The unit \(unit.name) has no files: \(root.path) is empty.",
                remedy: "Build the files first, or correct `source`.")
        }
        let attributes = try apply(unit.attributes, to: &entries, of: unit.name)
        try UnitPrograms(unit: unit, entries: entries, source: path).check()
        return Plan(
            unit: unit, variant: variant, stream: SourceStream(root: root, entries: entries), attributes: attributes,
            warm: earlier?.members, earlier: Self.match(entries, with: earlier?.entries ?? []))
    }

    /// Both ascend by path.
    private static func match(_ entries: [ScannedEntry], with earlier: [PayloadEntry]) -> [EarlierEntry?] {
        var rest = earlier[...]
        return entries.map { entry in
            while let first = rest.first, first.path < entry.path { rest.removeFirst() }
            guard let first = rest.first, first.path == entry.path else { return nil }
            return EarlierEntry(content: first.content, changedAt: first.changedAt)
        }
    }

    private func build(_ plan: inout Plan) throws -> ManifestUnit {
        var built = try PayloadBuild(
            plan.stream, into: batch.newBlob(), warm: plan.warm, level: level, jobs: jobs,
            progress: progress.advance
        ).run()
        var index = PayloadIndex(members: built.members, entries: try dated(plan, built.digests))
        let fileCount = index.entries.count
        // The text of a hundred thousand files is large enough without what it is made of.
        plan.forget()
        built.digests = []
        let text = index.bytes
        index.entries = []
        return ManifestUnit(
            definition: plan.unit, variant: plan.variant,
            payload: PayloadRecord(
                compressed: try batch.add(built.sink), tar: built.tar, fileCount: fileCount,
                index: try batch.add(try PayloadIndex.compressed(text)), indexText: BlobReference(of: text)),
            hooks: try hooks(of: plan.unit))
    }

    /// The folder that the unit's files are in; `.` is the release folder itself.
    private func folder(_ path: String, of unit: UnitDefinition) throws -> Directory {
        if let archive = inputs.archives[path] { return archive.folder }
        do {
            let isWhole = path == "." || path == "./"
            return try source.directory(isWhole ? "." : EntryPath(plain: path).text)
        } catch {
            throw PackagingError(
                code: "source.unit",
                summary:
                    "The unit \(unit.name) takes its files from \(path.debugDescription), which is no folder and no"
                    + " archive of \(source.path).",
                remedy: "Build the files first, or correct `source`. A link is not followed.",
                cause: ReportedError(error).description)
        }
    }

    private func documents() throws -> [ManifestFile] {
        let named = try definition.documents.map { path in
            let plain = try EntryPath(plain: path)
            return ManifestFile(
                path: plain.text, blob: try add(plain, "document", sizeMax: PackageLimits.documentSizeMax))
        }
        return try named + inputs.documents.map { ManifestFile(path: $0.path, blob: try batch.add($0.bytes)) }
    }

    private func values() throws -> [ManifestValues] {
        guard inputs.values.map(\.environment) == (definition.values ?? []).map(\.environment) else {
            throw PackagingError(
                code: "source.values", summary: "The values that \(definition.name) names were not read.",
                remedy: "This is a defect of Slipway: please report it.")
        }
        return try inputs.values.map {
            ManifestValues(environment: $0.environment, blob: try batch.add($0.values.bytes))
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
        do { return try batch.add(try source.read(path.text, sizeMax: sizeMax)) } catch let error as EffectsError
            where [
                "effects.file.absent", "effects.file.tooLarge", "effects.file.isDirectory", "effects.file.notFile",
                "effects.file.notDirectory", "effects.file.escape",
            ].contains(error.code)
        {
            if error.code == "effects.file.absent" {
                throw PackagingError(
                    code: "source.file",
                    summary: "release.yaml names \(path) as \(what), and the release's folder holds no such file.",
                    remedy: "Put it there, beside release.yaml, or correct its name in release.yaml.")
            }
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

    /// The entries with their digests; what is as it was keeps its date.
    private func dated(_ plan: Plan, _ digests: [SHA256Digest?]) throws -> [PayloadEntry] {
        var entries: [PayloadEntry] = []
        entries.reserveCapacity(digests.count)
        for (place, entry) in plan.stream.entries.enumerated() {
            let content: PayloadEntry.Content
            switch (entry.content, digests[place]) {
            case (.file(let size, _, _), let digest?): content = .file(BlobReference(sha256: digest, length: size))
            case (.file, nil): throw TreeScan.changed(entry.path)
            case (.link(let target), _): content = .link(target)
            case (.directory, _): content = .directory
            }
            let attribute = plan.attributes[entry.path]
            let earlier = plan.earlier[place].flatMap { $0.content == content ? $0.changedAt : nil }
            entries.append(
                PayloadEntry(
                    path: entry.path, content: content, mode: entry.mode, owner: attribute?.owner,
                    group: attribute?.group, changedAt: earlier ?? sourceDate.wholeSeconds))
        }
        return entries
    }
}

extension EntryPath {
    /// As people write it: `./hooks/drain` is `hooks/drain`.
    init(plain text: String) throws(PackagingError) {
        guard !text.utf8.starts(with: "/".utf8) else { throw PathFlaw.absolute.error(text) }
        try self.init(text.split(separator: "/").filter { $0 != "." }.joined(separator: "/"))
    }
}
