import Effects
import ReleaseDefinition
import ReleasePackaging

/// Two packages of one product and the units that both have.
struct PackagePair {
    let old: PackageArchive
    let new: PackageArchive

    init(_ old: String, _ new: String) throws {
        self.old = try PackageArchive(InputFile.open(old))
        self.new = try PackageArchive(InputFile.open(new))
        guard self.old.manifest.product == self.new.manifest.product else {
            throw CommandError(
                code: "package.product",
                summary: "\(old) is of \(self.old.manifest.product), \(new) of \(self.new.manifest.product).",
                remedy: "Name two packages of one product.")
        }
    }

    /// Both sides of a unit; nil where the old release does not have it.
    func sides(of unit: ManifestUnit) throws -> (old: PatchSide, new: PatchSide)? {
        guard let earlier = old.manifest[unit: unit.name, variant: unit.variant] else { return nil }
        return (try old.side(of: earlier), try new.side(of: unit))
    }
}

extension PackageArchive {
    fileprivate func side(of unit: ManifestUnit) throws -> PatchSide {
        let text = try PayloadIndex.text(fromCompressed: bytes(of: unit.payload.index), for: unit.payload)
        let index = try PayloadIndex(parsing: text, for: unit.payload)
        return PatchSide(
            record: unit.payload, text: text, stream: PayloadStream(try members(of: unit, index), index: index))
    }
}
