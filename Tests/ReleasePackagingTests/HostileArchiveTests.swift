import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

/// One archive that must be refused, and the code it must be refused with.
struct HostileArchive: Sendable, CustomTestStringConvertible {
    var name: String
    var code: String
    var forge: @Sendable (inout TarForge) -> Void

    init(_ name: String, _ code: String, _ forge: @escaping @Sendable (inout TarForge) -> Void) {
        (self.name, self.code, self.forge) = (name, "packaging." + code, forge)
    }

    var testDescription: String { name }

    static let names: [HostileArchive] = [
        .init("absolute path", "path.absolute") { $0.add("/etc/cron.d/evil") },
        .init("absolute folder", "path.absolute") { $0.add("/", type: "5") },
        .init("parent path", "path.escape") { $0.add("../evil") },
        .init("parent path in the middle", "path.escape") { $0.add("a/../../evil") },
        .init("parent path at the end", "path.escape") { $0.add("a/..", type: "5") },
        .init("parent path through the prefix", "path.escape") { $0.add("evil") { $0.prefix = Array("..".utf8) } },
        .init("current folder", "path.dots") { $0.add("./a") },
        .init("empty name", "path.empty") { $0.add("") },
        .init("empty component", "path.empty") { $0.add("a//b") },
        .init("file with a trailing slash", "path.empty") { $0.add("a/") },
        .init("name of 300 bytes", "path.length") {
            $0.pax([("path", String(repeating: "n", count: 300))])
            $0.add("x")
        },
        .init("path of 2000 bytes", "path.length") {
            $0.pax([("path", String(repeating: "n/", count: 1000) + "n")])
            $0.add("x")
        },
        .init("70 levels", "path.depth") {
            $0.pax([("path", String(repeating: "n/", count: 70) + "n")])
            $0.add("x")
        },
        .init("invalid UTF-8", "path.utf8") { $0.add("x") { $0.name = [0x61, 0xFF, 0x62] } },
        .init("overlong slash", "path.utf8") { $0.add("x") { $0.name = [0x2E, 0x2E, 0xC0, 0xAF, 0x61] } },
        .init("surrogate in UTF-8", "path.utf8") { $0.add("x") { $0.name = [0xED, 0xA0, 0x80] } },
        .init("name that goes on after a zero byte", "archive.format") {
            $0.add("x") { $0.name = Array("good\u{0}../evil".utf8) }
        },
        .init("zero byte in a pax path", "path.control") {
            $0.pax([("path", String(repeating: "g", count: 101) + "\u{0}")])
            $0.add("x")
        },
        .init("newline in a name", "path.control") { $0.add("a\nb") },
        .init("escape sequence in a name", "path.control") { $0.add("a\u{1B}[2Jb") },
        .init("C1 control in a name", "path.control") { $0.add("a\u{85}b") },
        .init("DEL in a name", "path.control") { $0.add("a\u{7F}b") },
        .init("line separator in a name", "path.control") { $0.add("a\u{2028}b") },
        .init("backslash in a name", "path.backslash") { $0.add("..\\evil") },
        .init("text that runs backwards", "path.direction") { $0.add("gpj.\u{202E}exe") },
    ]

    static let links: [HostileArchive] = [
        .init("link to an absolute path", "path.absolute") { $0.add("l", type: "2", target: "/etc") },
        .init("link out of the tree", "path.escape") { $0.add("l", type: "2", target: "..") },
        .init("link out of the tree from below", "path.escape") {
            $0.add("a", type: "5")
            $0.add("a/l", type: "2", target: "../../x")
        },
        .init("link that climbs through a link", "path.escape") {
            $0.add("a", type: "5")
            $0.add("a/l", type: "2", target: "..")
            $0.add("m", type: "2", target: "a/l/../x")
        },
        .init("link without a target", "path.empty") { $0.add("l", type: "2") },
        .init("link with a control character", "path.control") { $0.add("l", type: "2", target: "a\tb") },
        .init("link with invalid UTF-8", "path.utf8") { $0.add("l", type: "2") { $0.target = [0xFE] } },
        .init("file through a link", "archive.parent") {
            $0.add("l", type: "2", target: "b")
            $0.add("l/evil")
        },
        .init("file through a chain of links", "archive.parent") {
            $0.add("b", type: "5")
            $0.add("m", type: "2", target: "l")
            $0.add("l", type: "2", target: "b")
            $0.add("m/evil")
        },
        .init("folder replaced by a link", "archive.duplicate") {
            $0.add("d", type: "5")
            $0.add("d", type: "2", target: "e")
        },
        .init("link replaced by a file", "archive.duplicate") {
            $0.add("l", type: "2", target: "e")
            $0.add("l")
        },
        .init("link replaced by a folder with a slash", "archive.duplicate") {
            $0.add("l", type: "2", target: "e")
            $0.add("l/", type: "5")
        },
        .init("hard link", "archive.hardLink") { $0.add("h", type: "1", target: "a") },
        .init("hard link out of the tree", "archive.hardLink") { $0.add("h", type: "1", target: "/etc/shadow") },
        .init("target on a file", "archive.link") { $0.add("f", target: "/etc/shadow") },
        .init("target in pax on a file", "archive.link") {
            $0.pax([("linkpath", String(repeating: "x", count: 120))])
            $0.add("f")
        },
    ]

    static let kinds: [HostileArchive] = [
        .init("character device", "archive.device") { $0.add("d", type: "3") },
        .init("block device", "archive.device") { $0.add("d", type: "4") },
        .init("named pipe", "archive.pipe") { $0.add("p", type: "6") },
        .init("contiguous file", "archive.type") { $0.add("c", type: "7") },
        .init("unknown type", "archive.type") { $0.add("u", type: "Z") },
        .init("GNU long name", "archive.longName") { $0.add("././@LongLink", type: "L", content: Array("../x".utf8)) },
        .init("GNU long link", "archive.longName") { $0.add("././@LongLink", type: "K", content: Array("/etc".utf8)) },
        .init("GNU sparse file", "archive.sparse") { $0.add("s", type: "S") },
        .init("pax sparse file", "archive.sparse") {
            $0.pax([("GNU.sparse.realsize", "10995116277760")])
            $0.add("s")
        },
        .init("global pax header", "archive.global") {
            $0.pax([("path", "../evil")], type: "g")
            $0.add("f")
        },
        .init("setuid file", "archive.mode") { $0.add("f") { $0.mode = Array("0004755".utf8) } },
        .init("setgid folder", "archive.mode") { $0.add("f", type: "5") { $0.mode = Array("0002755".utf8) } },
        .init("mode beyond permissions", "archive.mode") { $0.add("f") { $0.mode = Array("0100644".utf8) } },
        .init("capability", "archive.attributes") {
            $0.pax([("SCHILY.xattr.security.capability", "x")])
            $0.add("f")
        },
        .init("extended attribute of libarchive", "archive.attributes") {
            $0.pax([("LIBARCHIVE.xattr.user.a", "eA==")])
            $0.add("f")
        },
        .init("the same file twice", "archive.duplicate") {
            $0.add("f")
            $0.add("f")
        },
        .init("the same folder twice", "archive.duplicate") {
            $0.add("f", type: "5")
            $0.add("f/", type: "5")
        },
        .init("file, then folder", "archive.duplicate") {
            $0.add("f")
            $0.add("f", type: "5")
        },
        .init("file, then something below it", "archive.parent") {
            $0.add("f")
            $0.add("f/g")
        },
        .init("folder that never came", "archive.parent") { $0.add("d/f") },
    ]

    static let headers: [HostileArchive] = [
        .init("wrong checksum", "archive.checksum") { $0.add("f") { $0.checksum = Array("000001\u{0} ".utf8) } },
        .init("checksum that is no number", "archive.number") {
            $0.add("f") { $0.checksum = Array("zzzzzz\u{0} ".utf8) }
        },
        .init("negative size", "archive.number") { $0.add("f") { $0.size = Array("-0000000001".utf8) } },
        .init("negative size in base 256", "archive.number") {
            $0.add("f") { $0.size = Array(repeating: 0xFF, count: 12) }
        },
        .init("huge size in base 256", "archive.number") {
            $0.add("f") { $0.size = [0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] }
        },
        .init("size with digits that are not octal", "archive.number") {
            $0.add("f") { $0.size = Array("00000000089".utf8) }
        },
        .init("empty size", "archive.number") { $0.add("f") { $0.size = [] } },
        .init("time that is no number", "archive.number") { $0.add("f") { $0.time = Array("yesterday".utf8) } },
        .init("size beyond what is allowed", "archive.size") { $0.add("f") { $0.size = Array("77777777777".utf8) } },
        .init("sizes beyond what is allowed in all", "archive.size") {
            $0.add("f", content: Array(repeating: 0, count: 600))
            $0.add("g", content: Array(repeating: 0, count: 600))
        },
        .init("folder with content", "archive.size") { $0.add("d", type: "5", content: [1]) },
        .init("link with content", "archive.size") { $0.add("l", type: "2", target: "x", content: [1]) },
        .init("GNU's own format", "archive.format") { $0.add("f") { $0.magic = Array("ustar  \u{0}".utf8) } },
        .init("version 7 format", "archive.format") { $0.add("f") { $0.magic = [] } },
        .init("data behind the prefix", "archive.format") { $0.add("f") { $0.tail = [1] } },
        .init("data in the padding", "archive.padding") {
            $0.add("f", content: [1])
            $0.bytes[1000] = 1
        },
        .init("pax path that is not needed", "archive.pax") {
            $0.pax([("path", "elsewhere")])
            $0.add("f")
        },
        .init("pax target that is not needed", "archive.pax") {
            $0.pax([("linkpath", "elsewhere")])
            $0.add("l", type: "2", target: "here")
        },
        .init("pax size that contradicts", "archive.pax") {
            $0.pax([("size", "1099511627776")])
            $0.add("f", content: [1])
        },
        .init("pax size that is small", "archive.pax") {
            $0.pax([("size", "0")])
            $0.add("f", content: [1])
        },
        .init("negative pax size", "archive.pax") {
            $0.pax([("size", "-1")])
            $0.add("f")
        },
        .init("pax size beyond 64 bits", "archive.pax") {
            $0.pax([("size", "99999999999999999999999")])
            $0.add("f")
        },
        .init("pax record twice", "archive.pax") {
            $0.pax([("path", String(repeating: "a", count: 120)), ("path", String(repeating: "b", count: 120))])
            $0.add("f")
        },
        .init("pax record of an unknown key", "archive.pax") {
            $0.pax([("uid", "0")])
            $0.add("f")
        },
        .init("pax header twice", "archive.pax") {
            $0.pax([("path", String(repeating: "a", count: 120))])
            $0.pax([("path", String(repeating: "b", count: 120))])
            $0.add("f")
        },
        .init("pax record longer than its header", "archive.pax") {
            $0.add("pax", type: "x", content: Array("99 path=x\n".utf8))
        },
        .init("pax record of length 0", "archive.pax") { $0.add("pax", type: "x", content: Array("0 path=x\n".utf8)) },
        .init("pax record without a length", "archive.pax") {
            $0.add("pax", type: "x", content: Array("path=x\n".utf8))
        },
        .init("pax header without records", "archive.pax") { $0.add("pax", type: "x") },
        .init("pax header of a gigabyte", "archive.pax") {
            $0.add("pax", type: "x") { $0.size = Array("10000000000".utf8) }
        },
        .init("pax header at the end", "archive.format") { $0.pax([("path", String(repeating: "a", count: 120))]) },
        .init("more entries than allowed", "archive.entries") { forge in for number in 0..<21 { forge.add("\(number)") }
        },
    ]

    static let all = names + links + kinds + headers
}

@Suite("Hostile archives")
struct HostileArchiveTests {
    let folder: TemporaryFolder
    static let limits = ArchiveLimits(entriesMax: 20, sizeMax: ByteCount(1000))

    init() throws { folder = try TemporaryFolder() }

    /// Extracts beside a witness; answers the code, and checks that nothing outside staging changed.
    private func extract(_ bytes: [UInt8], limits: ArchiveLimits = limits) throws -> (code: String?, remedy: String) {
        try folder.directory.writeDurably("witness", Array("untouched".utf8))
        let staging = try folder.directory.createDirectory("staging")
        let before = try describe(folder.directory).filter { !$0.hasPrefix("staging") }
        var (code, remedy) = (String?.none, "")
        do { try SourceArchive.extract(bytes, into: staging, limits: limits) } catch {
            (code, remedy) = (ReportedError(error).code, ReportedError(error).remedy)
        }
        #expect(try describe(folder.directory).filter { !$0.hasPrefix("staging") } == before)
        return (code, remedy)
    }

    @Test(
        "is refused by its code, with a remedy, and nothing outside staging is touched", arguments: HostileArchive.all)
    func refused(archive: HostileArchive) throws {
        var forge = TarForge()
        archive.forge(&forge)
        forge.end()
        let (code, remedy) = try extract(forge.bytes)
        #expect(code == archive.code)
        #expect(!remedy.isEmpty)
    }

    private func honest() -> [UInt8] {
        var forge = TarForge()
        forge.add("d/", type: "5")
        forge.add("d/f", content: Array(repeating: 7, count: 700))
        forge.add("d/l", type: "2", target: "../d/f")
        forge.end()
        return forge.bytes
    }

    @Test("An honest archive passes, also with the zeros that other tars put at the end")
    func honestPasses() throws {
        #expect(try extract(honest()).code == nil)
        let link = try folder.directory.directory("staging/d").readLink("l")
        #expect(link == "../d/f")
        try folder.directory.removeTree("staging")
        #expect(try extract(honest() + [UInt8](repeating: 0, count: 5120)).code == nil)
    }

    @Test("A truncated archive is refused wherever it ends")
    func truncated() throws {
        let bytes = honest()
        for length in Array(stride(from: 0, to: bytes.count, by: 256)) + [bytes.count - 1] {
            #expect(try extract(Array(bytes[..<length])).code == "packaging.archive.truncated", "\(length)")
            try folder.directory.removeTree("staging")
        }
    }

    @Test("Data after the end is refused: after one block of zeros, after two, and endless zeros")
    func trailing() throws {
        let bytes = honest()
        var forge = TarForge()
        forge.add("evil")
        let zeros = { [UInt8](repeating: 0, count: $0) }
        for archive in [
            Array(bytes.dropLast(512)) + forge.bytes + zeros(1024), bytes + forge.bytes, bytes + [1],
            bytes + zeros(1 << 16),
        ] {
            #expect(try extract(archive).code == "packaging.archive.trailing")
            try folder.directory.removeTree("staging")
        }
    }

    @Test("No single flipped bit of an honest archive traps, writes outside, or changes what a header says unnoticed")
    func flippedBits() throws {
        let bytes = honest()
        for position in stride(from: 0, to: 1536, by: 7) {
            var spoilt = bytes
            spoilt[position] ^= 1 << UInt8(position % 8)
            let isContent = (1024..<1536).contains(position)
            #expect(try extract(spoilt).code.map { _ in true } ?? isContent, "\(position)")
            try folder.directory.removeTree("staging")
        }
    }

    @Test("A folder swapped for a link while the archive is extracted leads nowhere")
    func swapped() throws {
        var forge = TarForge()
        forge.add("d/", type: "5")
        forge.add("d/f", content: Array(repeating: 7, count: 700))
        forge.end()
        let outside = try folder.directory.createDirectory("outside")
        let staging = try folder.directory.createDirectory("staging")
        let source = SwappingSource(forge.bytes, after: 600) {
            try staging.removeTree("d")
            try staging.createSymlink("d", to: outside.path)
        }
        #expect(code { try SourceArchive.extract(source, into: staging) } == "effects.file.escape")
        #expect(try outside.list().isEmpty)
    }
}

/// Does something after so many bytes were read.
final class SwappingSource: ByteSource {
    private let source: ByteArraySource
    private var left: Int
    private let action: () throws -> Void

    init(_ bytes: [UInt8], after count: Int, _ action: @escaping () throws -> Void) {
        (source, left, self.action) = (ByteArraySource(bytes), count, action)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let got = source.read(into: buffer)
        if left > 0, left <= got { try action() }
        left -= got
        return got
    }
}
