import Effects
import ReleaseDefinition
import Synchronization

/// Unpacks the members of a payload on several threads, each thread a member at a time: check, inflate, then write the
/// pieces of files that lie in it. A file that spans members is finished by whoever writes its last piece.
///
/// Memory: what the reader needs and an inflated member for each thread. Open files: one for each thread and the spanning
/// ones that are under way, of which there are no more than twice as many as threads.
final class MemberUnpacker: Sendable {
    private let index: PayloadIndex
    private let layout: TarLayout
    private let members: any MemberReader
    private let staging: Directory
    private let accounts: HostAccounts
    private let isPresent: [Bool]
    private let starts: [Int64]
    private let habits: CreationHabits
    private let spanning = Mutex<[Int: SpanningFile]>([:])

    /// Members that one thread takes at a time: neighbours lie in the same folder, which only one thread can make files in.
    private static let batch = 8

    init(
        _ index: PayloadIndex, layout: TarLayout, members: any MemberReader, staging: Directory, accounts: HostAccounts,
        habits: CreationHabits, isPresent: [Bool]
    ) {
        self.index = index
        self.layout = layout
        self.members = members
        self.staging = staging
        self.accounts = accounts
        self.habits = habits
        self.isPresent = isPresent
        starts = index.tarStarts
    }

    /// - Parameter needed: the numbers of the members to read, ascending.
    func run(_ needed: [Int], jobs: Int) throws {
        let size = max(1, min(Self.batch, needed.count / (4 * jobs)))
        let turn = Turn((needed.count + size - 1) / size)
        try Workers.run(min(jobs, needed.count)) { [self] in
            let maker = FileMaker(root: staging, accounts: accounts, habits: habits)
            let tar = UnsafeMutableRawBufferPointer.allocate(byteCount: ContentCutter.sizeMax, alignment: 16)
            defer { tar.deallocate() }
            try turn.each { batch in
                for number in needed[batch * size..<min(needed.count, (batch + 1) * size)] {
                    let bytes = UnsafeMutableRawBufferPointer(
                        rebasing: tar[..<Int(clamping: index.members[number].tar.length.value)])
                    try members.read(number, into: bytes)
                    try apply(UnsafeRawBufferPointer(bytes), at: starts[number], maker)
                }
            }
        }
    }

    /// Goes through a part of the tar stream: headers, padding and the end must be what the index demands, contents go
    /// into their files.
    private func apply(_ bytes: UnsafeRawBufferPointer, at start: Int64, _ maker: FileMaker) throws {
        let end = start + Int64(bytes.count)
        func part(_ from: Int64, _ to: Int64) -> UnsafeRawBufferPointer? {
            let (low, high) = (max(from, start), min(to, end))
            guard low < high else { return nil }
            return UnsafeRawBufferPointer(rebasing: bytes[Int(low - start)..<Int(high - start)])
        }
        var place = layout.entry(at: start)
        while place < index.entries.count, layout.places[place].start < end {
            let (entry, at) = (index.entries[place], layout.places[place])
            if let header = part(at.start, at.content) {
                let skipped = Int(max(0, start - at.start))
                guard entry.tarEntry.header().dropFirst(skipped).starts(with: header) else {
                    throw Self.refuse("header", "has another header for \(entry.path) than its index demands")
                }
            }
            let next = place + 1 < layout.places.count ? layout.places[place + 1].start : layout.length
            if let padding = part(at.end, next), !padding.allSatisfy({ $0 == 0 }) {
                throw Self.refuse("padding", "has bytes after \(entry.path) where there must be zeros")
            }
            if let blob = entry.file, !isPresent[place] {
                if let content = part(at.content, at.end) {
                    try write(content, at: max(0, start - at.content), place, blob, maker)
                } else if blob.length.value == 0, part(at.content - 1, at.content) != nil {
                    try finish(try maker.create(entry), entry, SHA256Digest(of: []), maker)
                }
            }
            place += 1
        }
    }

    private func write(
        _ content: UnsafeRawBufferPointer, at offset: Int64, _ place: Int, _ blob: BlobReference, _ maker: FileMaker
    ) throws {
        let entry = index.entries[place]
        if Int64(content.count) == blob.length.value {
            let file = try maker.create(entry)
            try file.write(content)
            var hasher = SHA256Hasher()
            hasher.update(content)
            return try finish(file, entry, hasher.finish(), maker)
        }
        let file = try spanning.withLock { files in
            if let known = files[place] { return known }
            let made = SpanningFile(try maker.create(entry), length: blob.length.value)
            files[place] = made
            return made
        }
        guard let digest = try file.write(content, at: offset) else { return }
        spanning.withLock { $0[place] = nil }
        try finish(file.file, entry, digest, maker)
    }

    private func finish(
        _ file: OpenFile, _ entry: PayloadEntry, _ digest: SHA256Digest, _ maker: FileMaker
    ) throws {
        guard digest == entry.file?.sha256 else {
            throw Self.refuse("file", "has other bytes for \(entry.path) than its index demands")
        }
        try maker.finish(file, as: entry)
    }

    private static func refuse(_ code: String, _ what: String) -> PackagingError {
        PackagingError(
            code: "payload.\(code)", summary: "The payload \(what).",
            remedy: "Nothing of it is installed. The publisher builds the package again.")
    }
}
