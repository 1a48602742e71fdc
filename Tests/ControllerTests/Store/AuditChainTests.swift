import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("A witnessed log")
struct AuditChainTests {
    private static let entries = 24

    /// The lines of a log as the store chains them, from an entry on.
    private static func log(_ count: Int, after start: EventHead = .empty, saying word: String = "p") throws
        -> [[UInt8]]
    {
        try start.following((0..<count).map { StoreSamples.person("\(word)\($0)") }, at: StoreSamples.now).lines
    }

    private static func head(of lines: [[UInt8]]) -> AuditHead {
        AuditHead(sequence: Int64(lines.count), digest: SHA256Digest(of: lines.last ?? []))
    }

    private static func check(_ lines: [[UInt8]], _ witness: AuditHead) throws {
        var chain = AuditChain(witnesses: [witness])
        for line in lines { try chain.follow(line) }
        try chain.finish()
    }

    @Test("An untouched log is sound for whoever witnessed any part of it")
    func sound() throws {
        let lines = try Self.log(Self.entries)
        for count in [0, 1, 12, Self.entries] {
            try Self.check(lines, Self.head(of: Array(lines.prefix(count))))
        }
        #expect(try AuditHead(Self.head(of: lines).description) == Self.head(of: lines))
    }

    @Test("10 000 random changes, cuts, swaps and removed tails are all detected against a witnessed checkpoint")
    func tenThousand() throws {
        let lines = try Self.log(Self.entries)
        let witness = Self.head(of: lines)
        let random = SeededRandom(seed: 7)
        func number(below end: Int) -> Int {
            Int(random.bytes(4).reduce(0) { $0 << 8 | UInt32($1) } % UInt32(end))
        }
        var missed: [String] = []
        for round in 0..<10_000 {
            var (changed, what) = (lines, "")
            let place = number(below: lines.count)
            switch round % 8 {
            case 0:
                let byte = number(below: lines[place].count)
                changed[place][byte] ^= 1 << UInt8(number(below: 8))
                what = "bit of byte \(byte) of \(place)"
            case 1:
                changed.remove(at: place)
                what = "entry \(place) cut out"
            case 2:
                let other = (place + 1 + number(below: lines.count - 1)) % lines.count
                changed.swapAt(place, other)
                what = "\(place) and \(other) swapped"
            case 3:
                changed.removeLast(1 + number(below: lines.count))
                what = "\(lines.count - changed.count) removed from the end"
            case 4:
                changed.insert(lines[place], at: place)
                what = "\(place) twice"
            case 5:
                // Whoever can write to the log can compute digests too: all that follows is chained anew.
                changed = Array(lines.prefix(place))
                let start = EventHead(
                    sequence: Int64(place), digest: SHA256Digest(of: changed.last ?? []))
                changed += try Self.log(lines.count - place, after: start, saying: "forged")
                what = "written anew from \(place)"
            case 6:
                changed[place].removeLast(1 + number(below: lines[place].count))
                what = "\(place) cut short"
            default:
                let from = number(below: lines.count - 1)
                changed.removeSubrange(from...from + number(below: lines.count - from - 1))
                what = "entries from \(from) removed"
            }
            guard changed != lines else { continue }
            do {
                try Self.check(changed, witness)
                missed.append(what)
            } catch {}
        }
        #expect(missed.isEmpty)
    }

    @Test("A log that went on after it was witnessed is sound; two that went on differently are not")
    func forked() throws {
        let lines = try Self.log(10)
        let start = EventHead(sequence: 10, digest: SHA256Digest(of: lines[9]))
        let (one, other) = (
            lines + (try Self.log(5, after: start)), lines + (try Self.log(5, after: start, saying: "q"))
        )
        try Self.check(one, Self.head(of: lines))
        let error = #expect(throws: ControllerAPIError.self) { try Self.check(other, Self.head(of: one)) }
        #expect(error?.code == "api.audit.witness")
    }
}
