import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who decided what, when: the controller's log.",
        subcommands: [AuditListCommand.self, AuditVerifyCommand.self, AuditExportCommand.self])
}

struct AuditListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List entries of the log, the newest first; with --after the oldest first.",
        discussion: """
            What a person asked for was written before what came of it, and a refusal is written too. Where there are more \
            than were asked for, the last line on stderr says how to go on.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Only entries after this one, the oldest first.")
    var after: Int64?

    @Option(help: "Only entries before this one.")
    var before: Int64?

    @Option(help: "At most so many. Without: 100.")
    var limit: Int?

    @Flag(help: "However many there are.")
    var all = false

    func validate() throws {
        guard after ?? 0 >= 0, before ?? 1 > 0, limit ?? 1 > 0 else {
            throw ValidationError("--after is 0 or more, --before and --limit are 1 or more.")
        }
        guard after == nil || before == nil else { throw ValidationError("Give --after or --before, not both.") }
        guard limit == nil || !all else { throw ValidationError("Give --limit or --all, not both.") }
    }

    func run() async throws {
        let (after, before, limit) = (after, before, all ? Int.max : limit ?? 100)
        let (entries, hasMore) = try await connection.withClient { client in
            var (entries, hasMore) = ([AuditEntryView](), true)
            while hasMore, entries.count < limit {
                let (last, count) = (entries.last?.sequence, min(1000, limit - entries.count))
                let page =
                    if let after {
                        try await client.audit(after: last ?? after, limit: count)
                    } else {
                        try await client.audit(before: last ?? before, limit: count)
                    }
                entries += page.items
                hasMore = page.next != nil && page.items.last?.sequence != last
            }
            return (entries, hasMore)
        }
        try output.print(entries.map(AuditRow.init))
        if hasMore, let last = entries.last?.sequence {
            Talk.say("There are more: --\(after == nil ? "before" : "after") \(last), or --all.")
        }
    }
}

struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the chain of the log, and that nothing witnessed is missing from it.",
        discussion: """
            Prints the last entry's number and digest as a checkpoint. Keep it: a log that was cut or written anew later \
            does not lead to it. Every agent keeps one too: slipway-agent status prints it. Without --file and --witness \
            the controller reads its log again; with either, every entry is read and checked here.
            """)

    @OptionGroup var connection: OptionalConnection
    @OptionGroup var output: OutputOptions

    @Option(help: "A log that slipway audit export wrote, instead of the controller's.")
    var file: String?

    @Option(
        name: .customLong("witness"), help: "SEQUENCE:DIGEST that somebody has kept; may stand several times.",
        transform: { try AuditHead($0) })
    var witnesses: [AuditHead] = []

    func run() async throws {
        let head: AuditHead
        if let file {
            var chain = AuditChain(witnesses: witnesses)
            var lines = FileLines(try InputFile.open(file))
            while let line = try lines.next() { try chain.follow(line) }
            try chain.finish()
            head = chain.head
        } else if witnesses.isEmpty {
            head = try await connection.withClient { try await $0.auditHead() }
        } else {
            let witnesses = witnesses
            head = try await connection.withClient { client in
                var chain = AuditChain(witnesses: witnesses)
                while true {
                    let lines = try await client.auditLines(after: chain.head.sequence)
                    if lines.isEmpty { break }
                    for line in lines { try chain.follow(line) }
                }
                try chain.finish()
                return chain.head
            }
        }
        try output.print(AuditHeadPresentation(head: head))
    }
}

struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the whole log to a file, one entry a line, and check its chain.",
        discussion: """
            The lines are the stored bytes: each names the SHA-256 of the line before it, so that any tool can follow \
            them. slipway audit verify --file reads it again.
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The file that is written.")
    var output: String

    @OptionGroup var replacing: OutputFileOptions

    @Option(help: "How the checkpoint of its end is printed.")
    var format = OutputFormat.table

    func run() async throws {
        let file = try OutputFile(output, force: replacing.force)
        let count = CountLine()
        defer { count.clear() }
        let head = try await file.write { file in
            try await connection.withClient { client in
                var (head, size) = (AuditHead.empty, 0)
                while true {
                    let lines = try await client.auditLines(after: head.sequence)
                    if lines.isEmpty { return head }
                    for line in lines { head = try head.following(line) }
                    let bytes = lines.flatMap { $0 + [UInt8(ascii: "\n")] }
                    try file.write(bytes)
                    size += bytes.count
                    count.show("\(head.sequence) entries, \(ByteCount(Int64(size)))")
                }
            }
        }
        count.clear()
        Talk.say("\(output) holds \(head.sequence) entries; the checkpoint of its end is \(head)")
        try OutputOptions(output: format).print(AuditHeadPresentation(head: head))
    }
}

/// A file line by line; an entry of the log is some kilobytes long, a manifest's plan some hundred.
private struct FileLines {
    private static let lineMax = 64 << 20
    private let file: OpenFile
    private var rest: ArraySlice<UInt8> = []
    private var offset: Int64 = 0

    init(_ file: OpenFile) { self.file = file }

    mutating func next() throws -> [UInt8]? {
        var searched = rest.startIndex
        while true {
            if let end = rest[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { rest = rest[(end + 1)...] }
                return Array(rest[..<end])
            }
            let piece = try file.read(at: offset, count: 1 << 20)
            guard !piece.isEmpty, rest.count < Self.lineMax else {
                defer { rest = [] }
                return rest.isEmpty ? nil : Array(rest)
            }
            offset += Int64(piece.count)
            let count = rest.count
            rest = rest + piece
            searched = rest.startIndex + count
        }
    }
}

private struct AuditRow: Presentable {
    var entry: AuditEntryView

    static let columns = ["ENTRY", "AT", "BY", "ACTION", "OBJECT"]
    var cells: [String] {
        ["\(entry.sequence)", entry.at.description, entry.actor, entry.action, entry.object]
    }
    var name: String { "\(entry.sequence)" }
    func encode(to encoder: any Encoder) throws { try entry.encode(to: encoder) }
}

private struct AuditHeadPresentation: Presentable {
    var head: AuditHead

    static let columns = ["ENTRIES", "DIGEST"]
    var cells: [String] { ["\(head.sequence)", head.digest.hex] }
    var name: String { head.description }
    func encode(to encoder: any Encoder) throws { try head.encode(to: encoder) }
}
