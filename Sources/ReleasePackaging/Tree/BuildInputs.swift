import Effects
import ReleaseDefinition

/// What a build takes besides the files of the release folder: prepared by whoever may read other people's formats.
public struct BuildInputs: Sendable {
    /// A unit's archive, unpacked.
    public struct Archive: Sendable {
        /// `tar.gz`, `deb`, …: as the build record names it.
        public var kind: String
        /// Of the archive itself.
        public var blob: BlobReference
        /// Its tree.
        public var folder: Directory

        public init(kind: String, blob: BlobReference, folder: Directory) {
            self.kind = kind
            self.blob = blob
            self.folder = folder
        }
    }

    /// The archive that the release folder itself was taken from, if it was one: kind and bytes.
    public var tree: (kind: String, blob: BlobReference)?
    /// By the `source` path of the definition.
    public var archives: [String: Archive] = [:]

    public init() {}
}
