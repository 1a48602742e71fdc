import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

/// One package file that must be refused, by whoever reads it, with this code.
struct HostilePackage: Sendable, CustomTestStringConvertible {
    var name: String
    var code: String
    var forge: @Sendable (inout PackageForge) throws -> Void

    init(
        _ name: String, _ code: String, _ forge: @escaping @Sendable (inout PackageForge) throws -> Void
    ) {
        (self.name, self.code, self.forge) = (name, "packaging." + code, forge)
    }

    var testDescription: String { name }

    static let archive: [HostilePackage] = [
        .init("nothing", "archive.truncated") { $0.lengthMax = 0 },
        .init("cut in the manifest's header", "archive.truncated") { $0.lengthMax = 100 },
        .init("cut in the manifest", "archive.truncated") { $0.lengthMax = 700 },
        .init("cut in the payload", "archive.truncated") { $0.lengthMax = try $0.bytes.count - 3000 },
        .init("cut in its end", "archive.truncated") { $0.lengthMax = try $0.bytes.count - 512 },
        .init("data after the end", "archive.trailing") { $0.tail = [1] },
        .init("another archive after the end", "archive.trailing") { $0.tail = try $0.bytes },
        .init("a megabyte of zeros after the end", "archive.trailing") {
            $0.tail = Array(repeating: 0, count: 1 << 20)
        },
        .init("no manifest", "package.manifest") {
            $0.header = { if $0 == "manifest.json" { $1.name = Array("m".utf8) } }
        },
        .init("manifest as a link", "path.empty") { $0.header = { if $0 == "manifest.json" { $1.type = 0x32 } } },
        .init("payload as a link", "path.empty") {
            $0.header = { name, header in
                if name == PackageForge.payload { (header.type, header.size) = (0x32, Array("00000000000".utf8)) }
            }
        },
        .init("payload as a device", "archive.device") {
            $0.header = { if $0 == PackageForge.payload { $1.type = 0x33 } }
        },
        .init("payload as a hard link", "archive.hardLink") {
            $0.header = { if $0 == PackageForge.payload { ($1.type, $1.target) = (0x31, Array("/etc/shadow".utf8)) } }
        },
        .init("payload by an absolute path", "path.absolute") { $0.entries[1].name = "/etc/cron.d/evil" },
        .init("payload out of the archive", "path.escape") { $0.entries[1].name = "units/../../evil" },
        .init("payload with a line feed in its name", "path.control") { $0.entries[1].name = "units/we\nb.tar.gz" },
        .init("payload with text that runs backwards", "path.direction") {
            $0.entries[1].name = "units/\u{202E}bew.tar.gz"
        },
        .init("payload with a zero byte in its name", "archive.format") {
            $0.entries[1].name = "units/web.tar.gz\u{0}x"
        },
        .init("the payload twice", "archive.duplicate") { $0.entries.append($0.entries[1]) },
        .init("the manifest twice", "archive.duplicate") {
            $0.entries.append(("manifest.json", try $0.manifest.bytes))
        },
        .init("an entry that nobody names", "package.entry") { $0.entries.append(("units/other.tar.gz", [1])) },
        .init("a payload that is set-user-ID", "archive.mode") {
            $0.header = { if $0 == PackageForge.payload { $1.mode = Array("0004755".utf8) } }
        },
        .init("a payload with a size in base 256", "archive.number") {
            $0.header = { if $0 == PackageForge.payload { $1.size = [0x80] + Array(repeating: 0xFF, count: 11) } }
        },
        .init("a payload of 8 GiB by its header", "package.entry") {
            $0.header = { if $0 == PackageForge.payload { $1.size = Array("77777777777".utf8) } }
        },
        .init("a wrong checksum", "archive.checksum") {
            $0.header = { if $0 == PackageForge.index { $1.checksum = Array("000001\u{0} ".utf8) } }
        },
        .init("1025 files of trust", "package.trust") {
            $0.entries = (0..<1025).map { ("trust/\($0)", []) } + $0.entries
        },
        .init("a file of trust behind the index", "package.entry") {
            $0.entries.insert(("trust/root.json", []), at: 1)
        },
        .init("a file of trust of 5 MB and a byte", "package.trust") {
            $0.entries.insert(("trust/root.json", Array(repeating: 0, count: 5_000_001)), at: 0)
        },
        .init("trust as a folder", "package.trust") { forge in
            forge.entries.insert(("trust/more", []), at: 0)
            forge.header = { if $0 == "trust/more" { ($1.type, $1.name) = (0x35, Array("trust/more/".utf8)) } }
        },
    ]

    static let order: [HostilePackage] = [
        .init("index and payload in the other order", "package.entry") { $0.entries.swapAt(0, 1) },
        .init("index and payload under each other's name", "package.entry") {
            ($0.entries[0].bytes, $0.entries[1].bytes) = ($0.entries[1].bytes, $0.entries[0].bytes)
        },
        .init("no payload", "package.entry") { $0.entries.removeLast() },
        .init("no index", "package.entry") { $0.entries.removeFirst() },
        .init("an index that lost its end", "package.entry") { $0[PackageForge.index].removeLast() },
        .init("a payload that lost its end", "package.entry") { $0[PackageForge.payload].removeLast() },
        .init("a payload that is longer", "package.entry") { $0[PackageForge.payload].append(0) },
        .init("a flipped bit in the index", "package.digest") { $0[PackageForge.index][40] ^= 1 },
        .init("a flipped bit in the payload's first member", "payload.digest") { $0[PackageForge.payload][20] ^= 1 },
        .init("a flipped bit in the payload's last member", "payload.digest") {
            let last = $0[PackageForge.payload].count - 1
            $0[PackageForge.payload][last] ^= 0x80
        },
        .init("a payload of zeros", "payload.digest") {
            $0[PackageForge.payload] = Array(repeating: 0, count: $0[PackageForge.payload].count)
        },
        .init("a payload that is turned round", "payload.digest") { $0[PackageForge.payload].reverse() },
        .init("two members that changed places", "payload.digest") { forge in
            let members = try forge.readIndex().members.map { Int($0.compressed.length.value) }
            let payload = forge[PackageForge.payload]
            forge[PackageForge.payload] =
                Array(
                    payload[members[0]..<(members[0] + members[1])] + payload[..<members[0]]
                        + payload[(members[0] + members[1])...])
        },
        .init("two members that changed places, in the index as well", "payload.header") { forge in
            try forge.swapMembers()
        },
        .init("the same member twice instead of two", "payload.digest") { forge in
            let first = Int(try forge.readIndex().members[0].compressed.length.value)
            let payload = forge[PackageForge.payload]
            forge[PackageForge.payload] = Array((payload[..<first] + payload).prefix(payload.count))
        },
    ]

    static let manifest: [HostilePackage] = [
        .init("a manifest that is no JSON", "manifest.syntax") { $0.manifestBytes = Array("nothing".utf8) },
        .init("a manifest of 5 MiB", "archive.size") { $0.manifestBytes = Array(repeating: 0x20, count: 5 << 20) },
        .init("a manifest 10 000 levels deep", "manifest.syntax") {
            $0.manifestBytes = Array(repeating: 0x5B, count: 10_000)
        },
        .init("a manifest with a line feed behind it", "manifest.form") {
            $0.manifestBytes = try $0.manifest.bytes + [0x0A]
        },
        .init("a manifest of another format", "manifest.format") {
            try $0.manifestText(#""format":1"#, #""format":99"#)
        },
        .init("a manifest without units", "manifest.bounds") { $0.manifest.units = [] },
        .init("a unit whose name leads out", "manifest.syntax") {
            try $0.manifestText(#""name":"web""#, #""name":"../web""#)
        },
        .init("a unit twice", "manifest.bounds") { $0.manifest.units.append($0.manifest.units[0]) },
        .init("a digest that is none", "manifest.syntax") {
            try $0.manifestText($0.manifest.units[0].payload.compressed.sha256.hex, "zz")
        },
        .init("a payload of a negative length", "manifest.syntax") {
            try $0.manifestText(#"{"length":"#, #"{"length":-"#)
        },
    ]

    /// Each of them would reach an agent's clock, its disk or its processor.
    static let settings: [HostilePackage] = [
        .init("no release to keep", "manifest.bounds") { $0.manifest.backOut.keep = 0 },
        .init("one release to keep", "manifest.bounds") { $0.manifest.backOut.keep = 1 },
        .init("a negative number of releases to keep", "manifest.bounds") { $0.manifest.backOut.keep = -1 },
        .init("more releases to keep than Int32 has", "manifest.bounds") { $0.manifest.backOut.keep = 1 << 40 },
        .init("level 0", "manifest.bounds") { $0.manifest.build.compressionLevel = 0 },
        .init("level 13", "manifest.bounds") { $0.manifest.build.compressionLevel = 13 },
        .init("hooks that end at once", "manifest.bounds") {
            $0.manifest.units[0].definition.hooks.timeout = .milliseconds(1)
        },
        .init("hooks that may run for a day", "manifest.bounds") {
            $0.manifest.units[0].definition.hooks.timeout = .hours(24)
        },
        .init("healthy after two days", "manifest.bounds") {
            $0.manifest.units[0].definition.minimumHealthy = .days(2)
        },
        .init("a deadline in ten years", "manifest.bounds") {
            $0.manifest.units[0].definition.healthyDeadline = .days(3650)
        },
        check("a check without a pause") { $0.every = .zero },
        check("a check every two hours") { $0.every = .hours(2) },
        check("a check without time to answer") { $0.timeout = .zero },
        check("a start that lasts for a year") { $0.startPeriod = .days(365) },
        check("no failure at all") { $0.failures = 0 },
        check("failures without end") { $0.failures = .max },
        check("an impossible status") { $0.probe = .http(url: "http://localhost/", status: 99_999) },
        check("a query of five thousand characters") {
            let limit = (try? DecimalNumber("0")).map(MetricLimit.above)
            guard let limit else { return }
            $0.probe = .metric(
                MetricProbe(url: "u", question: .query(String(repeating: "x", count: 5000)), limit: limit))
        },
        .init("21 checks", "manifest.bounds") {
            $0.manifest.units[0].definition.health = Array(repeating: honestCheck, count: 21)
        },
        .init("101 persistent paths", "manifest.bounds") {
            $0.manifest.units[0].definition.persistent = (0...100).map { "p\($0)" }
        },
    ]

    private static let honestCheck = HealthCheck(probe: .http(url: "http://localhost/", status: 200))

    private static func check(_ name: String, _ change: @escaping @Sendable (inout HealthCheck) -> Void) -> Self {
        .init(name, "manifest.bounds") { forge in
            var check = honestCheck
            change(&check)
            forge.manifest.units[0].definition.health = [check]
        }
    }

    static let index: [HostilePackage] = [
        .init("a million and one empty files", "manifest.bounds") { forge in
            forge.manifest.units[0].payload.fileCount = 1_000_001
            try forge.index { $0 = $0.replacing(#"{"entries":3"#, with: #"{"entries":1000001"#) }
        },
        .init("a thousand levels", "index.syntax") { forge in
            try forge.index {
                $0 = $0.replacing(#""path":"a""#, with: #""path":"\#(String(repeating: "n/", count: 1000))a""#)
            }
        },
        .init("seventy levels", "path.depth") { forge in
            try forge.index {
                $0 = $0.replacing(#""path":"a""#, with: #""path":"\#(String(repeating: "n/", count: 70))a""#)
            }
        },
        .init("a file of a tebibyte more", "index.bounds") { forge in
            try forge.index { $0 = $0.replacing(#""size":10,"#, with: #""size":1099511627776,"#) }
        },
        .init("a member of 10 GiB", "index.bounds") { forge in
            try forge.index { $0 = $0.replacing(#""tarLength":"#, with: #""tarLength":10737418240"#) }
        },
        .init("an index that inflates to a gigabyte", "index.digest") { forge in
            forge[PackageForge.index] = try PayloadIndex.compressed(Array(repeating: 0x20, count: 64 << 20))
            forge.manifest.units[0].payload.index = BlobReference(of: forge[PackageForge.index])
        },
        .init("an index of a few bytes that claims 64 MiB", "index.digest") { forge in
            forge.manifest.units[0].payload.indexText.length = ByteCount(64 << 20)
        },
        .init("an index of 80 kB of noise that claims 64 MiB", "index.digest") { forge in
            forge[PackageForge.index] =
                Array(forge[PackageForge.index].prefix(10)) + PackagingFixture.noise(seed: 5, size: 80_000)
            forge.manifest.units[0].payload.index = BlobReference(of: forge[PackageForge.index])
            forge.manifest.units[0].payload.indexText.length = ByteCount(64 << 20)
        },
        .init("an index whose text is signed to have 16 GiB", "manifest.bounds") { forge in
            forge.manifest.units[0].payload.indexText.length = ByteCount(16 << 30)
        },
        .init("a member that inflates beyond its length", "payload.member") { forge in
            try forge.onlyMember { $0 + Array(repeating: 0, count: 200_000) }
        },
        .init("a member that inflates to less", "payload.member") { forge in
            try forge.onlyMember { Array($0.dropLast(512)) }
        },
        .init("a stream with another header", "payload.header") { forge in
            try forge.onlyMember { Array("..".utf8) + $0.dropFirst(2) }
        },
        .init("a stream that makes a file another", "payload.file") { forge in
            try forge.onlyMember { Array($0[..<512]) + [0x21] + $0[513...] }
        },
        .init("a name with a line feed in the index", "path.control") { forge in
            try forge.index { $0 = $0.replacing(#""path":"a""#, with: "\"path\":\"a\n\"") }
        },
        .init("a name with a zero byte in the index", "path.control") { forge in
            try forge.index { $0 = $0.replacing(#""path":"a""#, with: "\"path\":\"a\u{0}\"") }
        },
        .init("an unknown owner", "tree.account") { forge in
            try forge.index {
                $0 = $0.replacing(
                    #""mode":"0644","path":"a""#, with: #""mode":"0644","owner":"nobody-here","path":"a""#)
            }
        },
    ]

    static let all = archive + order + manifest + settings + index
}

extension PackageForge {
    func readIndex() throws -> PayloadIndex {
        try PayloadIndex(compressed: self[Self.index], for: manifest.units[0].payload)
    }

    private mutating func bind(_ index: PayloadIndex) throws {
        self[Self.index] = try PayloadIndex.compressed(index.bytes)
        manifest.units[0].payload.index = BlobReference(of: self[Self.index])
        manifest.units[0].payload.indexText = BlobReference(of: index.bytes)
        manifest.units[0].payload.compressed = BlobReference(of: self[Self.payload])
    }

    mutating func swapMembers() throws {
        var index = try readIndex()
        let first = Int(index.members[0].compressed.length.value)
        let second = first + Int(index.members[1].compressed.length.value)
        let payload = self[Self.payload]
        self[Self.payload] = Array(payload[first..<second] + payload[..<first] + payload[second...])
        index.members.swapAt(0, 1)
        try bind(index)
    }

    /// The whole stream as one member that holds what `change` makes of it; the index keeps the honest lengths and binds the
    /// member as it is.
    mutating func onlyMember(_ change: ([UInt8]) -> [UInt8]) throws {
        var index = try readIndex()
        var tar: [UInt8] = []
        var position = 0
        let inflater = try MemberInflater()
        for member in index.members {
            var piece = [UInt8](repeating: 0, count: Int(member.tar.length.value))
            let input = self[Self.payload][position..<(position + Int(member.compressed.length.value))]
            try Array(input).withUnsafeBytes { input in
                try piece.withUnsafeMutableBytes { try inflater.inflate(input, into: $0) }
            }
            position += input.count
            tar += piece
        }
        let compressor = try MemberCompressor(level: 1)
        self[Self.payload] = try withExtendedLifetime(compressor) {
            try change(tar).withUnsafeBytes { Array(try compressor.member(of: $0)) }
        }
        index.members = [
            PayloadMember(compressed: BlobReference(of: self[Self.payload]), tar: BlobReference(of: tar))
        ]
        try bind(index)
    }
}
