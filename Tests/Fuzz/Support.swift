import Effects
import Glibc
import ReleaseDefinition

@testable import ReleasePackaging

/// What a target tells libFuzzer: a broken promise is a crash, so that the input is kept.
func promise(_ holds: @autoclosure () throws -> Bool, _ what: String) {
    do {
        if try holds() { return }
        fatalError("broken promise: \(what)")
    } catch {
        fatalError("broken promise: \(what): \(error)")
    }
}

/// A refusal must be one of ours, with a code and a remedy.
func refused(_ error: any Error) {
    guard let error = error as? any ReportableError else { fatalError("no error of ours: \(error)") }
    promise(error.code.contains("."), "\(error.code) is a code")
    promise(!error.remedy.isEmpty && !error.summary.isEmpty, "\(error.code) has a summary and a remedy")
}

/// A folder in memory for targets that need files; the same one for the whole run of the process.
enum Scratch {
    static let folder: Directory = {
        let path = "/dev/shm/slipway-fuzz-\(getpid())"
        do {
            let folder = try Directory.create(path, mode: 0o700)
            atexit { try? Directory.open("/dev/shm").removeTree("slipway-fuzz-\(getpid())") }
            return folder
        } catch { fatalError("\(path): \(error)") }
    }()

    static func file(_ name: String, _ bytes: [UInt8]) throws -> OpenFile {
        try folder.removeFile(name)
        let file = try folder.createFile(name, mode: 0o600)
        try file.write(bytes)
        return file
    }

    /// An empty folder of that name.
    static func empty(_ name: String) throws -> Directory {
        try folder.removeTree(name)
        return try folder.createDirectory(name)
    }
}

/// Tar headers whose checksum is wrong are refused at once: with the right one the fuzzer gets further.
func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for start in stride(from: 0, to: bytes.count - 511, by: 512) {
        guard bytes[(start + 257)..<(start + 262)].elementsEqual("ustar".utf8) else { continue }
        for offset in 148..<156 { bytes[start + offset] = 0x20 }
        let sum = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
        let digits = Array((String(repeating: "0", count: max(0, 6 - sum.utf8.count)) + sum).utf8.suffix(6))
        bytes.replaceSubrange((start + 148)..<(start + 154), with: digits)
        bytes[start + 154] = 0
    }
    return bytes
}

/// A small payload, honest in every byte; also as a reader of its members.
struct SamplePayload: MemberReader {
    let index: PayloadIndex
    let record: PayloadRecord
    let tar: [UInt8]
    private let cuts: [Int]

    /// - Parameters:
    ///   - files: by path, ascending; folders are made for them.
    ///   - cuts: where in the stream members end, besides its end.
    init(_ files: [(path: String, bytes: [UInt8])], link: (String, String)? = nil, cutAt cuts: [Int]) throws {
        let time = UTCInstant(secondsSince1970: 1_700_000_000)
        var entries: [PayloadEntry] = []
        for (path, bytes) in files {
            let path = try EntryPath(path)
            if let parent = path.parent, !entries.contains(where: { $0.path == parent }) {
                entries.append(PayloadEntry(path: parent, content: .directory, mode: 0o755, changedAt: time))
            }
            entries.append(
                PayloadEntry(path: path, content: .file(BlobReference(of: bytes)), mode: 0o644, changedAt: time))
        }
        if let (path, target) = link {
            let path = try EntryPath(path)
            entries.append(
                PayloadEntry(
                    path: path, content: .link(try LinkTarget(target, from: path)), mode: 0o777, changedAt: time))
        }
        var tar: [UInt8] = []
        for entry in entries {
            tar += entry.tarEntry.header()
            guard let bytes = files.first(where: { $0.path == entry.path.text })?.bytes else { continue }
            tar += bytes + [UInt8](repeating: 0, count: TarFormat.padding(after: Int64(bytes.count)))
        }
        tar += [UInt8](repeating: 0, count: TarFormat.endSize)
        let bounds = [0] + cuts + [tar.count]
        let pieces = zip(bounds, bounds.dropFirst()).map { Array(tar[$0..<$1]) }
        // Nothing here is compressed: the members' compressed halves stand for themselves.
        let index = PayloadIndex(
            members: pieces.map {
                PayloadMember(
                    compressed: BlobReference(sha256: SHA256Digest(of: $0), length: ByteCount(1)),
                    tar: BlobReference(of: $0))
            }, entries: entries)
        let text = BlobReference(of: index.bytes)
        self.init(
            index: index,
            record: PayloadRecord(
                compressed: BlobReference(sha256: text.sha256, length: ByteCount(pieces.count)),
                tar: BlobReference(of: tar), fileCount: entries.count, index: text, indexText: text), tar: tar,
            cuts: cuts)
    }

    private init(index: PayloadIndex, record: PayloadRecord, tar: [UInt8], cuts: [Int]) {
        (self.index, self.record, self.tar, self.cuts) = (index, record, tar, cuts)
    }

    /// The same with another stream of the same length.
    func with(_ tar: [UInt8]) -> SamplePayload { SamplePayload(index: index, record: record, tar: tar, cuts: cuts) }

    func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) {
        let start = number == 0 ? 0 : cuts[number - 1]
        buffer.copyBytes(from: tar[start..<(start + buffer.count)])
    }
}
