import Effects
import ReleaseDefinition
import ReleasePackaging

/// Unpacks the archives that a definition names as sources, so that a build sees folders only.
public struct ReleaseSources {
    /// For `PackageBuilder.build`; the caller adds the values.
    public private(set) var inputs = BuildInputs()
    /// What the operator should know, a sentence each.
    public private(set) var notices: [String] = []

    private let definition: ReleaseDefinition
    private let source: Directory
    private let work: Directory
    private let sourceDate: UTCInstant
    private let bounds: ArchiveBounds

    /// - Parameters:
    ///   - source: the release folder.
    ///   - tree: what the release folder was unpacked from, where it was an archive.
    ///   - work: an empty folder of the caller's that outlives the build and is removed by it.
    /// - Throws: what `ForeignArchive.unpack` throws, `foreignArchives.document`. A source that is not there is left for the
    ///   build to complain about.
    public init(
        _ definition: ReleaseDefinition, from source: Directory, tree: UnpackedArchive? = nil, in work: Directory,
        sourceDate: UTCInstant, bounds: ArchiveBounds = .init()
    ) throws {
        self.definition = definition
        self.source = source
        self.work = work
        self.sourceDate = sourceDate
        self.bounds = bounds
        if let tree {
            inputs.tree = (tree.kind.rawValue, tree.blob)
            if let debian = tree.debian { try describe(debian, tree.blob, as: "release", path: "The release folder") }
        }
        for unit in definition.units {
            for (variant, path) in unit.sources {
                try take(path, as: variant.map { "\(unit.name).\($0)" } ?? unit.name.text)
            }
        }
        for path in definition.documents { try checkBillOfMaterials(path) }
    }

    private mutating func take(_ path: String, as name: String) throws {
        guard inputs.archives[path] == nil, ArchiveKind(name: path) != nil, try source.status(path)?.kind == .file
        else {
            return
        }
        let folder = try work.createDirectory("archive-\(inputs.archives.count + 1)", mode: 0o700)
        let unpacked = try ForeignArchive.unpack(source.openFile(path), named: path, into: folder, bounds: bounds)
        inputs.archives[path] = BuildInputs.Archive(
            kind: unpacked.kind.rawValue, blob: unpacked.blob, folder: try folder.shown(as: path))
        if let debian = unpacked.debian { try describe(debian, unpacked.blob, as: name, path: path) }
    }

    private mutating func describe(_ debian: DebianPackage, _ blob: BlobReference, as name: String, path: String) throws
    {
        let document = "sbom/\(name).spdx.json"
        guard !definition.documents.contains(document) else {
            throw ForeignArchiveError(
                code: "document", summary: "\(document) is a document of the release and would be made from \(path).",
                remedy: "Give the document another name.")
        }
        let subject = "\(definition.product)-\(definition.version)-\(name)"
        inputs.documents.append(
            (document, SPDXDocument.bytes(of: debian, archive: blob, subject: subject, sourceDate: sourceDate)))
        if !debian.scripts.isEmpty {
            notices.append(
                "\(path) brings \(debian.scripts.joined(separator: ", ")), which a unit of type tree does not run: use hooks."
            )
        }
    }

    /// A document that calls itself SPDX must be it.
    private func checkBillOfMaterials(_ path: String) throws {
        guard path.hasSuffix(".spdx.json"), try source.status(path)?.kind == .file else { return }
        let bytes = try source.read(path, sizeMax: PackageLimits.documentSizeMax)
        let limits = JSONLimits(bytesMax: bytes.count, depthMax: 64)
        guard let version = (try? JSONValue(parsing: bytes, limits: limits))?["spdxVersion"]?.stringValue,
            version.hasPrefix("SPDX-2.")
        else {
            throw ForeignArchiveError(
                code: "document", summary: "The document \(path) is no SPDX 2 document in JSON.",
                remedy: "Make it anew as SPDX 2.3 JSON, or give it a name that does not end in .spdx.json.")
        }
    }
}

extension BuildInputs {
    /// With the values of every environment.
    public func with(_ values: [(environment: EnvironmentName, values: SignedValues)]) -> BuildInputs {
        var inputs = self
        inputs.values = values
        return inputs
    }
}
