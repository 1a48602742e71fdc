import Effects
import ForeignArchives
import ReleaseDefinition
import Testing
import TestSupport

/// One archive that lies or asks for too much, and the code that refuses it.
struct HostileCase: Sendable, CustomTestStringConvertible {
    var name: String
    var code: String
    var bounds = ArchiveBounds()
    var make: @Sendable (inout TarForge) -> Void

    init(
        _ name: String, _ code: String, bounds: ArchiveBounds = .init(),
        _ make: @escaping @Sendable (inout TarForge) -> Void
    ) {
        (self.name, self.code, self.bounds, self.make) = (name, code, bounds, make)
    }

    var testDescription: String { name }
}

@Suite("Hostile archives are refused and touch nothing outside staging")
struct HostileArchiveTests {
    static let cases: [HostileCase] = paths + links + kinds + shapes + headers + outOfStep + bombs

    static let paths: [HostileCase] = [
        .init("an absolute path", "packaging.path.absolute") { $0.add("/etc/passwd") },
        .init("a path up", "packaging.path.escape") { $0.add("../beside") },
        .init("a path up inside", "packaging.path.escape") { $0.add("a/../../beside") },
        .init("a path up behind ./", "packaging.path.escape") { $0.add("./../beside") },
        .init("a dot inside", "packaging.path.dots") { $0.add("a/./b") },
        .init("a doubled slash", "packaging.path.empty") { $0.add("a//b") },
        .init("no name", "packaging.path.empty") { $0.add("") },
        .init("a line feed", "packaging.path.control") { $0.add("a\nb") },
        .init("an escape sequence", "packaging.path.control") { $0.add("a\u{1B}[2Jb") },
        .init("a backslash", "packaging.path.backslash") { $0.add("a\\b") },
        .init("text turned round", "packaging.path.direction") { $0.add("a\u{202E}gpj.exe") },
        .init("invalid UTF-8", "packaging.path.utf8") { $0.add("x") { $0.name = [0x61, 0xFF, 0x62] } },
        .init("invalid UTF-8 in pax", "packaging.path.utf8") {
            $0.pax([("path", "p")])  // Replaced below: a record of raw bytes.
            $0.replaceLast("path=p", with: [0x70, 0x61, 0x74, 0x68, 0x3D, 0xFF])
            $0.add("x")
        },
        .init("a zero byte in pax", "foreignArchives.name") {
            $0.pax([("path", "safe\u{0}/../../beside")])
            $0.add("x")
        },
        .init("a zero byte in a GNU name", "foreignArchives.name") {
            $0.add("././@LongLink", type: "L", content: Array("safe\u{0}hidden\u{0}".utf8))
            $0.add("x")
        },
        .init("a component of 256 bytes", "packaging.path.length") {
            $0.pax([("path", String(repeating: "a", count: 256))])
            $0.add("x")
        },
        .init("a name of 4096 bytes", "packaging.path.length") {
            $0.pax([("path", String(repeating: "abcdefg/", count: 512))])
            $0.add("x")
        },
        .init("1000 levels", "packaging.path.length") {
            $0.pax([("path", String(repeating: "a/", count: 1000) + "f")])
            $0.add("x")
        },
        .init("65 levels", "packaging.path.depth") {
            $0.pax([("path", String(repeating: "a/", count: 64) + "f")])
            $0.add("x")
        },
    ]

    static let links: [HostileCase] = [
        .init("an absolute link", "foreignArchives.link") { $0.add("l", type: "2", target: "/etc/passwd") },
        .init("a link up", "foreignArchives.link") { $0.add("l", type: "2", target: "../beside") },
        .init("a link up behind a name", "foreignArchives.link") { $0.add("a/l", type: "2", target: "b/../../../x") },
        .init("a link to nothing", "foreignArchives.link") { $0.add("l", type: "2") },
        .init("a link with a line feed", "foreignArchives.link") { $0.add("l", type: "2", target: "a\nb") },
        .init("a link of invalid UTF-8", "foreignArchives.link") { $0.add("l", type: "2") { $0.target = [0xFF] } },
        .init("a file through a link", "foreignArchives.parent") {
            $0.add("l", type: "2", target: "sub")
            $0.add("l/file", content: [1])
        },
        .init("a chain of links", "foreignArchives.parent") {
            $0.add("a", type: "2", target: ".")
            $0.add("a/b", type: "2", target: "..")
        },
        .init("a folder replaced by a link", "foreignArchives.duplicate") {
            $0.add("d/", type: "5")
            $0.add("d", type: "2", target: "x")
        },
        .init("a hard link out", "packaging.path.absolute") { $0.add("h", type: "1", target: "/etc/passwd") },
        .init("a hard link up", "packaging.path.escape") { $0.add("h", type: "1", target: "../beside") },
        .init("a hard link to what is not there", "foreignArchives.hardLink") { $0.add("h", type: "1", target: "f") },
        .init("a hard link to itself", "foreignArchives.hardLink") { $0.add("h", type: "1", target: "h") },
        .init("a hard link to a link", "foreignArchives.hardLink") {
            $0.add("l", type: "2", target: "x")
            $0.add("h", type: "1", target: "l")
        },
        .init("a hard link to a folder", "foreignArchives.hardLink") {
            $0.add("d/", type: "5")
            $0.add("h", type: "1", target: "d")
        },
        .init("a hard link with content", "foreignArchives.header") {
            $0.add("f", content: [1])
            $0.add("h", type: "1", target: "f", content: [2])
        },
    ]

    static let kinds: [HostileCase] = [
        .init("a character device", "foreignArchives.special") { $0.add("c", type: "3") },
        .init("a block device", "foreignArchives.special") { $0.add("b", type: "4") },
        .init("a pipe", "foreignArchives.special") { $0.add("p", type: "6") },
        .init("a type that nobody knows", "foreignArchives.type") { $0.add("z", type: "Z", content: [1]) },
        .init("an unknown type without content", "foreignArchives.type") { $0.add("z", type: "8") },
        .init("a type beyond ASCII", "foreignArchives.type") { $0.add("z") { $0.type = 0xFF } },
        .init("a type below letters", "foreignArchives.type") { $0.add("z") { $0.type = 7 } },
        .init("an old GNU sparse file", "foreignArchives.sparse") { $0.add("s", type: "S", content: [1]) },
        .init("a volume's label", "foreignArchives.type") {
            $0.add("label", type: "V")
            $0.add("f")
        },
        .init("a folder of an incremental dump", "foreignArchives.type") { $0.add("d/", type: "D", content: [0x59]) },
        .init("the rest of a file from another volume", "foreignArchives.type") {
            $0.add("f", type: "M", content: [1])
        },
        .init("a set-user-ID program", "foreignArchives.setuid") { $0.add("s") { $0.mode = Array("0004755".utf8) } },
        .init("a set-group-ID folder", "foreignArchives.setuid") {
            $0.add("s/", type: "5") { $0.mode = Array("0002755".utf8) }
        },
        .init("an extended attribute", "foreignArchives.attributes") {
            $0.pax([("SCHILY.xattr.user.note", "x")])
            $0.add("f")
        },
        .init("a capability", "foreignArchives.attributes") {
            $0.pax([("SCHILY.xattr.security.capability", "\u{1}\u{2}")])
            $0.add("f")
        },
        .init("an attribute of libarchive's own", "foreignArchives.attributes") {
            $0.pax([("LIBARCHIVE.xattr.security.capability", "AQAA")])
            $0.add("f")
        },
        .init("an access control list", "foreignArchives.attributes") {
            $0.pax([("SCHILY.acl.access", "user::rw-,user:1000:rwx,group::r--,mask::rwx,other::r--")])
            $0.add("f")
        },
    ]

    static let shapes: [HostileCase] = [
        .init("a file twice", "foreignArchives.duplicate") {
            $0.add("f", content: [1])
            $0.add("f", content: [2])
        },
        .init("a file twice, once as ./", "foreignArchives.duplicate") {
            $0.add("f", content: [1])
            $0.add("./f", content: [2])
        },
        .init("a file, then a folder", "foreignArchives.duplicate") {
            $0.add("f")
            $0.add("f/", type: "5")
        },
        .init("a file below a file", "foreignArchives.parent") {
            $0.add("f")
            $0.add("f/g")
        },
        .init("a folder that was implied, then a file", "foreignArchives.parent") {
            $0.add("d/f")
            $0.add("d")
        },
        .init("a root that is a link", "foreignArchives.root") { $0.add("./", type: "2", target: "x") },
        .init("nothing", "foreignArchives.empty") { _ in },
    ]

    static let headers: [HostileCase] = [
        .init("a wrong checksum", "foreignArchives.damaged") {
            $0.add("f") { $0.checksum = Array("0000000".utf8) + [0] }
        },
        .init("a negative size", "foreignArchives.size") {
            $0.add("f") { $0.size = [0xFF] + .init(repeating: 0xFF, count: 11) }
        },
        .init("a size of 2^63", "foreignArchives.size") {
            $0.add("f") { $0.size = [0x80, 0, 0, 0, 0x80] + .init(repeating: 0, count: 7) }
        },
        .init("a size of 64 GiB with 1 byte", "foreignArchives.size") {
            $0.add("f") { $0.size = Array("777777777777".utf8) }
        },
        .init("a pax size that lies", "foreignArchives.size") {
            $0.pax([("size", "99999999999999")])
            $0.add("f", content: [1])
        },
        .init("a pax header of nonsense", "foreignArchives.header") {
            $0.add("pax", type: "x", content: Array("99 path=a\n".utf8))
            $0.add("f")
        },
        .init("a pax header for everything", "foreignArchives.header") {
            $0.pax([("path", "../beside")], type: "g")
            $0.add("f")
        },
        .init("a sparse file", "foreignArchives.sparse") {
            $0.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "1099511627776")])
            $0.add("f", content: .init(repeating: 0, count: 512))
        },
        .init("trailing data", "foreignArchives.trailing") {
            $0.add("f")
            $0.end()
            $0.bytes += [1]
            $0.bytes += .init(repeating: 0, count: 511)
        },
        .init("a second archive behind the first", "foreignArchives.trailing") {
            $0.add("f")
            $0.end()
            $0.add("../beside", content: [1])
        },
    ]

    /// What one reader takes for a number and another for none: behind it they would see different entries.
    static let outOfStep: [HostileCase] =
        ["+1024", " 1024", "1024 ", "-1024", "", "1e3", "0x400", "1_024", "\u{0661}", "9223372036854775808"].map {
            text in
            .init("a pax size of \(text.debugDescription)", "foreignArchives.size") {
                $0.pax([("size", text)])
                $0.add("f")
                $0.add("hidden")
            }
        }
        + [
            "+0000002000", "-0000002000", "\t0000002000", "0000 002000", "00000\u{0}02000", "00000000008",
            "0x000000400",
        ].map {
            text in
            .init("an octal size of \(text.debugDescription)", "foreignArchives.size") {
                $0.add("f") { $0.size = Array(text.utf8) }
                $0.add("hidden")
            }
        }
        + ["+09", " 9", "0x9"].map { text in
            .init("a pax record of the length \(text)", "foreignArchives.header") {
                $0.add("pax", type: "x", content: Array("\(text) path=a\n".utf8))
                $0.add("f")
            }
        }
        + [("1", "f"), ("2", "f"), ("5", "")].map { type, target in
            .init("a pax size before an entry of the type \(type)", "foreignArchives.header") {
                $0.add("f")
                $0.pax([("size", "1024")])
                $0.add("l", type: Character(type), target: target)
                $0.add("hidden")
            }
        }
        + [
            .init("a checksum with a sign", "foreignArchives.damaged") { forge in
                forge.add("f")
                let sum = forge.bytes[148..<154]
                forge.bytes.replaceSubrange(148..<154, with: [UInt8(ascii: "+")] + sum.dropFirst())
            },
            .init("two pax headers in a row, of which the first has a size", "foreignArchives.header") {
                $0.pax([("size", "1024")])
                $0.pax([("path", "f")])
                $0.add("f")
                $0.add("hidden")
            },
            .init("a zero byte in a GNU name behind a size with a sign", "foreignArchives.size") {
                $0.pax([("size", "+1024")])
                $0.add("f")
                $0.add("././@LongLink", type: "L", content: Array("safe\u{0}hidden\u{0}".utf8))
                $0.add("x")
            },
        ]

    private static let small = ArchiveBounds(entriesMax: 100, sizeMax: ByteCount(1 << 20))

    static let bombs: [HostileCase] = [
        .init("too many entries", "foreignArchives.entries", bounds: small) { forge in
            for number in 0..<101 { forge.add("\(number)") }
        },
        .init("too many folders that are implied", "foreignArchives.entries", bounds: small) { forge in
            for number in 0..<60 { forge.add("\(number)/f") }
        },
        .init("too many bytes", "foreignArchives.size", bounds: small) { forge in
            for number in 0..<3 { forge.add("\(number)", content: .init(repeating: 0, count: 400_000)) }
        },
        .init("too many bytes by hard links", "foreignArchives.size", bounds: small) { forge in
            forge.add("f", content: .init(repeating: 0, count: 400_000))
            for number in 0..<3 { forge.add("\(number)", type: "1", target: "f") }
        },
    ]

    @Test("refused", arguments: cases)
    func refused(_ hostile: HostileCase) throws {
        let fixture = try ArchiveFixture()
        var forge = TarForge()
        hostile.make(&forge)
        forge.end()
        try fixture.write("hostile.tar", forge.bytes)
        let before = try fixture.outside()
        #expect(code { try fixture.unpack("hostile.tar", bounds: hostile.bounds) } == hostile.code)
        #expect(try fixture.outside() == before)
    }

    @Test("Every refusal has a remedy, and names the archive or the path")
    func remedies() throws {
        for hostile in Self.cases {
            let fixture = try ArchiveFixture()
            var forge = TarForge()
            hostile.make(&forge)
            forge.end()
            do { try fixture.unpack(forge.bytes, named: "hostile.tar", bounds: hostile.bounds) } catch {
                #expect(!ReportedError(error).remedy.isEmpty, "\(hostile.name)")
            }
        }
    }
}
