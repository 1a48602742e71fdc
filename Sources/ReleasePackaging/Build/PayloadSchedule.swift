import ReleaseDefinition

/// What can be done next for a payload: a value without threads, changed under a lock by whoever finished something.
struct PayloadSchedule {
    struct Piece {
        var number: Int
        var slab: StreamSlab
        var range: Range<Int>
    }

    struct Finished {
        var bytes: [UInt8]
        var member: PayloadMember
    }

    enum Step {
        case fill(StreamSlab)
        case hash(StreamSlab)
        case hashFiles(StreamSlab)
        case cut(StreamSlab)
        case compress(Piece)
        case write([Finished])
        case end
    }

    var isFailed = false
    private(set) var members: [PayloadMember] = []

    private let slabCount: Int
    private let slabsMax: Int
    private var slabsMade = 0
    private var free: [StreamSlab] = []
    private var nextFill = 0
    /// Filled, and not hashed, hashed by files and cut.
    private var slabs: [Int: StreamSlab] = [:]
    private var hashedCount = 0
    private var filesHashedCount = 0
    private var cutCount = 0
    private var isHashing = false
    private var isHashingFiles = false
    private var isCutting = false
    private var isWriting = false
    /// The slab that was cut last: its tail is needed for the next cut.
    private var lastCut: StreamSlab?
    private var pieceCount = 0
    private var waiting: ArraySlice<Piece> = []
    private var finished: [Int: Finished] = [:]
    /// The slabs of the pieces that are not written, in order.
    private var unwritten: ArraySlice<StreamSlab> = []

    init(slabCount: Int, slabsMax: Int) {
        self.slabCount = slabCount
        self.slabsMax = slabsMax
    }

    /// nil when nothing can be done until another thread has finished something.
    mutating func next() -> Step? {
        let passed = min(hashedCount, filesHashedCount, cutCount)
        if isFailed || (passed == slabCount && members.count == pieceCount) { return .end }
        if !isWriting, finished[members.count] != nil { return .write(takeFinished()) }
        if !isHashing, let slab = slabs[hashedCount] {
            isHashing = true
            return .hash(slab)
        }
        if !isHashingFiles, let slab = slabs[filesHashedCount] {
            isHashingFiles = true
            return .hashFiles(slab)
        }
        if !isCutting, let slab = slabs[cutCount] {
            isCutting = true
            return .cut(slab)
        }
        // Reading runs a little ahead, so that whoever compresses never waits for a cut.
        if nextFill - cutCount < 2, let slab = takeSlab() { return .fill(slab) }
        if let piece = waiting.popFirst() { return .compress(piece) }
        return takeSlab().map(Step.fill)
    }

    mutating func filled(_ slab: StreamSlab) { slabs[slab.number] = slab }

    mutating func hashed(_ slab: StreamSlab) {
        isHashing = false
        hashedCount += 1
        release(slab)
        forget(slab)
    }

    mutating func hashedFiles(_ slab: StreamSlab) {
        isHashingFiles = false
        filesHashedCount += 1
        release(slab)
        forget(slab)
    }

    mutating func cut(_ slab: StreamSlab, into ranges: [Range<Int>]) {
        isCutting = false
        cutCount += 1
        slab.uses += ranges.count
        if let lastCut { release(lastCut) }
        lastCut = slab
        for range in ranges {
            waiting.append(Piece(number: pieceCount, slab: slab, range: range))
            unwritten.append(slab)
            pieceCount += 1
        }
        forget(slab)
    }

    mutating func compressed(_ piece: Piece, _ result: Finished) { finished[piece.number] = result }

    mutating func wrote(_ written: [Finished]) {
        isWriting = false
        for one in written {
            members.append(one.member)
            if let slab = unwritten.popFirst() { release(slab) }
        }
    }

    private mutating func takeFinished() -> [Finished] {
        isWriting = true
        var taken: [Finished] = []
        while let next = finished.removeValue(forKey: members.count + taken.count) { taken.append(next) }
        return taken
    }

    /// An empty slab for the next stretch of the stream.
    private mutating func takeSlab() -> StreamSlab? {
        guard nextFill < slabCount, let slab = free.popLast() ?? makeSlab() else { return nil }
        slab.number = nextFill
        slab.uses = 3
        nextFill += 1
        return slab
    }

    private mutating func makeSlab() -> StreamSlab? {
        guard slabsMade < slabsMax else { return nil }
        slabsMade += 1
        return StreamSlab()
    }

    private mutating func forget(_ slab: StreamSlab) {
        if slab.number < min(hashedCount, filesHashedCount, cutCount) { slabs[slab.number] = nil }
    }

    private mutating func release(_ slab: StreamSlab) {
        slab.uses -= 1
        if slab.uses == 0 { free.append(slab) }
    }
}
