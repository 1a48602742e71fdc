import Effects
import ReleaseDefinition

/// What a patch file begins with: from which index to which, and where its parts are. Format: docs/patch-format.md.
///
///     16 bytes   "slipway.patch/1\n"
///      4 bytes   length of the head as it is stored, little endian
///      4 bytes   length of the head's text
///                the head: a zstd frame
///                the new index's text: a zstd frame whose prefix is the old index's text
///                frame after frame, as the head lists them, to the end of the file
struct PatchHead: Equatable, Sendable {
    /// Consecutive members that the old payload does not have, as one zstd frame.
    struct Frame: Equatable, Sendable {
        var members: Range<Int>
        /// Bytes in the file.
        var length: Int
        /// Parts of the old tar stream, ascending: one after another they are the frame's prefix.
        var references: [Range<Int64>]

        var referenceSize: Int64 { references.reduce(0) { $0 + Int64($1.count) } }
    }

    var from: BlobReference
    var to: BlobReference
    /// Bytes of the index's part in the file.
    var indexLength: Int
    var frames: [Frame]
}

/// Bounds of format 1: a reader that keeps them needs no more memory for a larger payload.
enum PatchFormat {
    static let name = "slipway.patch/1"
    static let magic = Array("slipway.patch/1\n".utf8)
    static let preambleSize = 24
    static let lineFeed = UInt8(ascii: "\n")
    static let headTextSizeMax = 8 << 20
    static let framesMax = 1 << 17
    /// Tar bytes of one frame.
    static let frameSizeMax = 1 << 20
    /// Bytes of the old stream that one frame may refer to, and in how many parts.
    static let referenceSizeMax = 4 << 20
    static let referencesMax = 64
    /// An index beyond this has no patch: both texts are in memory while one is made from the other.
    static let indexTextSizeMax = ByteCount(16 << 20)
    /// A frame that does not compress is longer than its bytes by this at most.
    static let overheadMax = 4096

    static var notCanonical: PackagingError { refuse("head", "has a head that is not in canonical form") }

    static func refuse(_ code: String, _ what: String, cause: String? = nil) -> PackagingError {
        PackagingError(
            code: "patch.\(code)", summary: "The patch \(what).",
            remedy: "Nothing of it is used: an agent fetches members or the whole payload; by hand, leave it out.",
            cause: cause)
    }
}

extension PatchHead {
    /// A line of canonical JSON for the head, then one for each frame: `[first member, members, length, [[offset, length],
    /// …]]`.
    var text: [UInt8] {
        var text = line + [PatchFormat.lineFeed]
        for frame in frames { text += frame.line + [PatchFormat.lineFeed] }
        return text
    }

    private var line: [UInt8] {
        JSONValue.object([
            JSONMember("format", .string(PatchFormat.name)), JSONMember("frames", .integer(Int64(frames.count))),
            JSONMember("from", .string(from.sha256.hex)), JSONMember("fromLength", .integer(from.length.value)),
            JSONMember("index", .integer(Int64(indexLength))), JSONMember("to", .string(to.sha256.hex)),
            JSONMember("toLength", .integer(to.length.value)),
        ]).canonicalBytes
    }

    /// Line by line: eight million empty ones cost nothing but being counted.
    /// - Throws: `packaging.patch.head`.
    init(parsing text: [UInt8]) throws {
        // Each line ends with a line feed: behind the last one there is nothing.
        guard text.last == PatchFormat.lineFeed, let firstEnd = text.firstIndex(of: PatchFormat.lineFeed),
            firstEnd <= 512
        else { throw PatchFormat.refuse("head", "has a head that ends early") }
        do {
            let head = try JSONValue(parsing: Array(text[..<firstEnd]), limits: JSONLimits(bytesMax: 512, depthMax: 1))
            guard head["format"]?.stringValue == PatchFormat.name, head.objectValue?.count == 7,
                let count = head["frames"]?.integerValue, let from = head["from"]?.stringValue,
                let fromLength = head["fromLength"]?.integerValue, let index = head["index"]?.integerValue,
                let to = head["to"]?.stringValue, let toLength = head["toLength"]?.integerValue
            else { throw PatchFormat.refuse("head", "has a head that is not of format \(PatchFormat.name)") }
            var rest = text[(firstEnd + 1)...]
            let lines = rest.reduce(0) { $0 + ($1 == PatchFormat.lineFeed ? 1 : 0) }
            guard count == Int64(lines), count <= Int64(PatchFormat.framesMax),
                (0...PatchFormat.indexTextSizeMax.value).contains(fromLength),
                (0...PatchFormat.indexTextSizeMax.value).contains(toLength),
                (0...toLength + Int64(PatchFormat.overheadMax)).contains(index)
            else { throw PatchFormat.refuse("head", "has a head beyond the format's bounds") }
            self.from = BlobReference(sha256: try SHA256Digest(hex: from), length: ByteCount(fromLength))
            self.to = BlobReference(sha256: try SHA256Digest(hex: to), length: ByteCount(toLength))
            indexLength = Int(index)
            frames = []
            frames.reserveCapacity(lines)
            while let end = rest.firstIndex(of: PatchFormat.lineFeed) {
                let frame = try Frame(parsing: rest[..<end])
                guard frame.line.elementsEqual(rest[..<end]) else { throw PatchFormat.notCanonical }
                frames.append(frame)
                rest = rest[(end + 1)...]
            }
            guard line.elementsEqual(text[..<firstEnd]) else { throw PatchFormat.notCanonical }
        } catch let error as DefinitionError {
            throw PatchFormat.refuse("head", "has a head that cannot be read", cause: error.description)
        }
    }
}

extension PatchHead.Frame {
    fileprivate var line: [UInt8] {
        JSONValue.array([
            .integer(Int64(members.lowerBound)), .integer(Int64(members.count)), .integer(Int64(length)),
            .array(references.map { .array([.integer($0.lowerBound), .integer(Int64($0.count))]) }),
        ]).canonicalBytes
    }

    fileprivate init(parsing line: ArraySlice<UInt8>) throws {
        let value = try JSONValue(parsing: Array(line), limits: JSONLimits(bytesMax: 4096, depthMax: 3))
        guard let parts = value.arrayValue, parts.count == 4, let first = parts[0].integerValue,
            let count = parts[1].integerValue, let length = parts[2].integerValue, let ranges = parts[3].arrayValue,
            (0...Int64(PayloadIndex.membersMax)).contains(first), (1...Int64(PatchFormat.frameSizeMax)).contains(count),
            (1...Int64(PatchFormat.frameSizeMax + PatchFormat.overheadMax)).contains(length),
            ranges.count <= PatchFormat.referencesMax
        else { throw PatchFormat.refuse("head", "has a part beyond the format's bounds") }
        members = Int(first)..<Int(first + count)
        self.length = Int(length)
        references = []
        for range in ranges {
            guard let pair = range.arrayValue, pair.count == 2, let offset = pair[0].integerValue,
                let size = pair[1].integerValue, offset >= (references.last?.upperBound ?? 0), offset <= 1 << 41,
                (1...Int64(PatchFormat.referenceSizeMax)).contains(size)
            else { throw PatchFormat.refuse("head", "refers to parts of the old stream out of order or bounds") }
            references.append(offset..<offset + size)
        }
        guard referenceSize <= Int64(PatchFormat.referenceSizeMax) else {
            throw PatchFormat.refuse("head", "refers to more than \(PatchFormat.referenceSizeMax) bytes at once")
        }
    }
}

extension PatchHead {
    /// Whether the head fits the two indexes: every member is either in one frame or in the old payload.
    /// - Throws: `packaging.patch.other`, `packaging.patch.incomplete`, `packaging.patch.head`.
    func check(old: PayloadIndex, new: PayloadIndex) throws {
        let oldLength = old.members.reduce(Int64(0)) { $0 + $1.tar.length.value }
        let known = Set(old.members.map(\.tar))
        var next = 0
        for frame in frames {
            guard frame.members.lowerBound >= next, frame.members.upperBound <= new.members.count else {
                throw PatchFormat.refuse("head", "has parts out of order, or for members that there are not")
            }
            let size = new.members[frame.members].reduce(Int64(0)) { $0 + $1.tar.length.value }
            guard size <= Int64(PatchFormat.frameSizeMax), frame.references.last?.upperBound ?? 0 <= oldLength else {
                throw PatchFormat.refuse("head", "has a part that is too large, or refers beyond the old stream")
            }
            for number in next..<frame.members.lowerBound where !known.contains(new.members[number].tar) {
                throw PatchFormat.refuse("incomplete", "lacks member \(number)")
            }
            next = frame.members.upperBound
        }
        for number in next..<new.members.count where !known.contains(new.members[number].tar) {
            throw PatchFormat.refuse("incomplete", "lacks member \(number)")
        }
    }
}
