import Effects
import ReleaseDefinition

@testable import ReleasePackaging

/// A .slip from anybody, in both ways of reading: what one accepts the other accepts, and what is accepted and whole is
/// unpacked to what its index says.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    for bytes in [bytes, withChecksums(bytes)] {
        do {
            let blobs = BlobStore(try Scratch.empty("blobs"))
            let contents = try PackageFile.read(ByteArraySource(bytes), into: blobs, sizeMax: ByteCount(1 << 22))
            let archive = try PackageArchive(Scratch.file("package", bytes))
            promise(archive.manifestBytes == contents.manifestBytes, "both ways read the same manifest")
            for unit in contents.manifest.units {
                let tree = try Scratch.empty("tree")
                let index = try archive.index(of: unit)
                try PayloadInstaller.unpack(
                    unit, index: index, members: archive.members(of: unit, index), into: tree, jobs: 1)
            }
        } catch { refused(error) }
    }
    return 0
}
