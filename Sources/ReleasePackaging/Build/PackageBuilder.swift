import Effects
import ReleaseDefinition

/// What a build made; its blobs lie in the store.
public struct BuiltPackage: Equatable, Sendable {
    public var manifest: Manifest
    public var manifestBytes: [UInt8]

    public var digest: SHA256Digest { SHA256Digest(of: manifestBytes) }
}

/// Turns a definition and the release folder it stands in into a manifest and blobs.
public enum PackageBuilder {
    public static let levels = MemberCompressor.levels
    public static let levelDefault = 6

    /// - Parameters:
    ///   - source: the release folder; paths of the definition are relative to it.
    ///   - inputs: the archives among the sources, unpacked.
    ///   - base: an earlier package of the product: what did not change is taken from it, and unchanged files keep its
    ///     dates.
    ///   - level: how hard to compress, of `levels`; recorded, for only members of the same level are taken from a base.
    ///   - jobs: threads that work; the result does not depend on it.
    ///   - progress: told at the beginning and often after it, from any thread but never by two at once; must return soon.
    /// - Throws: `packaging.compressor.level`, `packaging.source.…`, `packaging.path.…`, `effects.file.…`; then nothing of
    ///   it is in `blobs`.
    public static func build(
        _ definition: ReleaseDefinition, from source: Directory, inputs: BuildInputs = BuildInputs(),
        into blobs: BlobStore,
        sourceDate: UTCInstant, base: PackageBase? = nil, level: Int = levelDefault, jobs: Int = Workers.coreCount,
        progress: @escaping @Sendable (BuildProgress) -> Void = { _ in }
    ) async throws -> BuiltPackage {
        try await Workers.suspending {
            try PackageBuild(
                definition: definition, source: source, inputs: inputs, blobs: blobs, sourceDate: sourceDate,
                base: base, level: level, jobs: jobs, progress: BuildProgressReport(progress)
            ).run()
        }
    }
}
