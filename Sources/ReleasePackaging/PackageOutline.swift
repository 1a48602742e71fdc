import ReleaseDefinition

/// What may follow what in a package file: the manifest, files of trust, then what the manifest names, in its order. Whoever
/// reads a package asks here, so that all refuse the same.
struct PackageOutline {
    enum Part: Equatable {
        /// The name without the folder.
        case trust(String)
        case blob(BlobReference)
    }

    static let trustFilesMax = 1024
    static let trustFileSizeMax = ByteCount(5_000_000)

    private let expected: [(name: String, blob: BlobReference)]
    private let mayLack: Bool
    private var next = 0
    private var trustFiles = 0

    /// - Parameter mayLack: whether entries may be missing, as payloads are beside a tree that was unpacked.
    init(_ manifest: Manifest, mayLack: Bool) {
        expected = manifest.packageEntries
        self.mayLack = mayLack
    }

    /// Told each entry behind the manifest, in the order of the file.
    /// - Throws: `packaging.package.entry`, `.trust`.
    mutating func take(_ entry: TarEntry) throws -> Part {
        let name = entry.path.text
        if next == 0, name.hasPrefix("trust/") {
            guard case .file(let size) = entry.content, size <= Self.trustFileSizeMax.value else {
                throw PackageFile.refuse(
                    "trust", "has \(name), which is no file of at most \(Self.trustFileSizeMax)")
            }
            trustFiles += 1
            guard trustFiles <= Self.trustFilesMax else {
                throw PackageFile.refuse("trust", "has more than \(Self.trustFilesMax) files of trust")
            }
            return .trust(String(name.dropFirst("trust/".count)))
        }
        guard next < expected.count else {
            throw PackageFile.refuse("entry", "has \(name), which its manifest does not name, or not there")
        }
        let rest = mayLack ? expected[next...] : expected[next...next]
        guard let place = rest.firstIndex(where: { $0.name == name }),
            entry.content == .file(size: expected[place].blob.length.value)
        else {
            let (wanted, blob) = expected[next]
            throw PackageFile.refuse("entry", "has \(name) where \(wanted), \(blob.length), is expected")
        }
        next = place + 1
        return .blob(expected[place].blob)
    }

    /// Asked when the file has ended.
    func finish() throws {
        guard !mayLack, next < expected.count else { return }
        let (wanted, blob) = expected[next]
        throw PackageFile.refuse("entry", "has its end where \(wanted), \(blob.length), is expected")
    }
}
