import Effects
import ReleaseDefinition

/// Everything that can be checked about a package file without knowing who approved it: each blob, each payload's tar
/// stream, each file in it. Nothing is written; memory is a member of the payload and the index.
public struct PackageVerification: Sendable, Equatable, Codable {
    /// One thing that is wrong: where, and both values where there are two.
    public struct Finding: Sendable, Equatable, Codable {
        /// `units/api.tar.gz`, `units/api.tar.gz: bin/server`.
        public var place: String
        public var problem: String
        public var expected: String?
        public var found: String?
    }

    public private(set) var findings: [Finding] = []
    /// Entries of the package file that are as they should be.
    public private(set) var entries = 0
    /// In its payloads, those that are as they should be.
    public private(set) var files = 0
    public private(set) var folders = 0
    public private(set) var links = 0
    /// Of all tar streams.
    public private(set) var bytes = ByteCount(0)

    public var isWhole: Bool { findings.isEmpty }

    /// - Throws: nothing about the package: only what the disk does. A file that is no package was refused before.
    public init(_ archive: PackageArchive) throws {
        for (name, blob) in archive.manifest.packageEntries {
            guard let (file, start) = archive.place(named: name) else {
                find(name, "is missing", expected: blob.sha256.hex)
                continue
            }
            let found = try Self.digest(file, start, blob.length)
            if found == blob.sha256 {
                entries += 1
            } else {
                find(name, "has other bytes", expected: blob.sha256.hex, found: found.hex)
            }
        }
        for unit in archive.manifest.units { checkUnit(unit, archive) }
        checkContents(archive)
    }

    private mutating func checkUnit(_ unit: ManifestUnit, _ archive: PackageArchive) {
        let place = "units/\(unit.fileName).tar.gz"
        guard archive.place(of: unit.payload.index) != nil, archive.place(of: unit.payload.compressed) != nil else {
            return
        }
        do {
            let index = try archive.index(of: unit)
            let stream = MemberStream(index, members: try archive.members(of: unit, index))
            var reader = TarReader(
                stream,
                limits: ArchiveLimits(entriesMax: unit.payload.fileCount, sizeMax: unit.payload.tar.length))
            var expected = index.entries[...]
            while let entry = try reader.next() {
                try checkEntry(entry, expected.popFirst(), &reader, place)
            }
            for entry in expected.prefix(10) {
                find("\(place): \(entry.path)", "is in the index and not in the payload")
            }
            let found = try stream.finish()
            bytes = ByteCount(bytes.value + found.length.value)
            if found != unit.payload.tar {
                find(
                    place, "has another tar stream",
                    expected: "\(unit.payload.tar.sha256.hex), \(unit.payload.tar.length)",
                    found: "\(found.sha256.hex), \(found.length)")
            }
        } catch {
            find(place, ReportedError(error).summary)
        }
    }

    private mutating func checkEntry<Source>(
        _ entry: TarEntry, _ expected: PayloadEntry?, _ reader: inout TarReader<Source>, _ place: String
    ) throws {
        let here = "\(place): \(entry.path)"
        guard let expected, expected.path == entry.path else {
            find(here, "stands where the index has another", expected: expected?.path.text ?? "the end")
            return
        }
        if expected.mode != entry.mode {
            find(
                here, "has another mode", expected: String(expected.mode, radix: 8), found: String(entry.mode, radix: 8)
            )
        }
        switch (entry.content, expected.content) {
        case (.directory, .directory): folders += 1
        case (.link(let found), .link(let target)):
            if found == target {
                links += 1
            } else {
                find(here, "leads elsewhere", expected: target.text, found: found.text)
            }
        case (.file(let size), .file(let blob)):
            var hasher = SHA256Hasher()
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
            defer { buffer.deallocate() }
            while case let got = try reader.readContent(into: buffer), got > 0 {
                hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            }
            let found = BlobReference(sha256: hasher.finish(), length: ByteCount(size))
            if found == blob {
                files += 1
            } else {
                find(
                    here, "has other bytes", expected: "\(blob.sha256.hex), \(blob.length)",
                    found: "\(found.sha256.hex), \(found.length)")
            }
        default: find(here, "is of another kind than the index says")
        }
    }

    /// What is bound by a digest and must also be readable.
    private mutating func checkContents(_ archive: PackageArchive) {
        for values in archive.manifest.values {
            do { _ = try SignedValues(parsing: archive.bytes(of: values.blob)) } catch {
                find("values/\(values.environment).json", ReportedError(error).summary)
            }
        }
        for document in archive.manifest.documents where document.isBillOfMaterials {
            let version = (try? archive.bytes(of: document.blob)).flatMap { bytes in
                try? JSONValue(parsing: bytes, limits: JSONLimits(bytesMax: bytes.count, depthMax: 64))
            }?["spdxVersion"]?.stringValue
            if version?.hasPrefix("SPDX-2.") != true {
                find("documents/\(document.path)", "is no SPDX 2 document", expected: "SPDX-2.x", found: version)
            }
        }
    }

    private static func digest(_ file: OpenFile, _ start: Int64, _ length: ByteCount) throws -> SHA256Digest {
        var hasher = SHA256Hasher()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var done: Int64 = 0
        while done < length.value {
            let wanted = Int(min(Int64(buffer.count), length.value - done))
            let got = try file.read(at: start + done, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            if got == 0 { break }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            done += Int64(got)
        }
        return hasher.finish()
    }

    private mutating func find(_ place: String, _ problem: String, expected: String? = nil, found: String? = nil) {
        guard findings.count < 1000 else { return }
        findings.append(Finding(place: place, problem: problem, expected: expected, found: found))
    }
}

/// A payload's tar stream from its members, one after another, hashed on the way.
private final class MemberStream: ByteSource {
    private let index: PayloadIndex
    private let members: PayloadReader
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ContentCutter.sizeMax, alignment: 16)
    private var filled = 0..<0
    private var next = 0
    private var length: Int64 = 0
    private var hasher: SHA256Hasher? = SHA256Hasher()

    init(_ index: PayloadIndex, members: PayloadReader) {
        self.index = index
        self.members = members
    }

    deinit { buffer.deallocate() }

    func read(into output: UnsafeMutableRawBufferPointer) throws -> Int {
        if filled.isEmpty, try !fill() { return 0 }
        let count = min(filled.count, output.count)
        output.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[filled.prefix(count)]))
        filled = filled.dropFirst(count)
        return count
    }

    /// - Returns: false at the end.
    private func fill() throws -> Bool {
        guard next < index.members.count else { return false }
        let tar = index.members[next].tar
        guard tar.length.value <= buffer.count else {
            throw PackageFile.refuse(
                "member", "has a member of \(tar.length), at most \(ByteCount(buffer.count)) are made")
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(tar.length.value)])
        try members.read(next, into: room)
        var own = SHA256Hasher()
        own.update(UnsafeRawBufferPointer(room))
        let found = own.finish()
        guard found == tar.sha256 else {
            throw PackageFile.refuse(
                "member", "has member \(next) with the tar digest \(found), bound is \(tar.sha256)")
        }
        hasher?.update(UnsafeRawBufferPointer(room))
        length += tar.length.value
        next += 1
        filled = 0..<room.count
        return true
    }

    /// Of the whole stream. Called once.
    func finish() throws -> BlobReference {
        while try fill() {}
        guard let hasher = hasher.take() else { preconditionFailure("a stream is finished once") }
        return BlobReference(sha256: hasher.finish(), length: ByteCount(length))
    }
}
