/// The start and the end of what a program wrote, in bounded memory however much it writes.
struct OutputExcerpt {
    private let headMax: Int
    private let tailMax: Int
    private var head: [UInt8] = []
    /// A ring once it is full: the oldest byte is at `tailStart`.
    private var tail: [UInt8] = []
    private var tailStart = 0
    private var total = 0

    init(headMax: Int = ProcessResult.outputHeadMax, tailMax: Int = ProcessResult.outputTailMax) {
        self.headMax = headMax
        self.tailMax = tailMax
    }

    mutating func append(_ bytes: some Collection<UInt8>) {
        total += bytes.count
        var rest = bytes.dropFirst(0)
        if head.count < headMax {
            let first = rest.prefix(headMax - head.count)
            head.append(contentsOf: first)
            rest = rest.dropFirst(first.count)
        }
        guard rest.count < tailMax else {
            tail = Array(rest.suffix(tailMax))
            tailStart = 0
            return
        }
        for byte in rest {
            if tail.count < tailMax {
                tail.append(byte)
            } else {
                tail[tailStart] = byte
                tailStart = (tailStart + 1) % tailMax
            }
        }
    }

    /// Bytes that are not UTF-8 are replaced.
    var text: String {
        let leftOut = total - head.count - tail.count
        let end = tail[tailStart...] + tail[..<tailStart]
        guard leftOut > 0 else { return String(decoding: head + end, as: UTF8.self) }
        return String(decoding: head, as: UTF8.self) + "\n[\(leftOut) bytes left out]\n"
            + String(decoding: end, as: UTF8.self)
    }
}
