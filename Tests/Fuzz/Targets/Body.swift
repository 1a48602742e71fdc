import ReleaseDefinition

@testable import Effects

/// What a server answers with, in pieces that it chooses: the bound of a body and the parser of event streams. However the
/// same bytes are cut, the outcome is one.
///
/// The first 16 bytes say how: two of the bound, then the sizes of the pieces, over and over; the rest is the body. The
/// sockets and chunked coding beneath are SwiftNIO's; `BodyReaderTests` fuzzes them along.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 16 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let sizeMax = Int64(bytes[0]) << 8 | Int64(bytes[1])
    let body = Array(bytes[16...])
    let cuts = pieces(of: body, sizes: bytes[2..<16].map(Int.init))

    promise(cuts.reduce([], +) == body, "nothing is lost between pieces")
    let text = String(decoding: body.prefix(24), as: UTF8.self)
    for announced in [nil, text, "\(body.count)"] {
        let taken = read(cuts, sizeMax, announced)
        let isRefused = body.count > sizeMax || announced.flatMap { Int64($0) }.map { $0 > sizeMax } == true
        promise((taken == nil) == isRefused, "refused when it is too long or says so, and only then")
        promise(taken.map { $0 == body.count } ?? true, "all of it is counted")
    }

    for sizeMax in [Int(sizeMax), 1 << 20] {
        let whole = events([body], sizeMax)
        promise(events(cuts, sizeMax) == whole, "events are the same however they are cut")
        promise(events(body.map { [$0] }, sizeMax) == whole, "… into single bytes")
        for event in whole.events { promise(event.data.utf8.count <= 3 * sizeMax, "an event is bounded") }
    }
    return 0
}

private func pieces(of body: [UInt8], sizes: [Int]) -> [[UInt8]] {
    var (pieces, start, turn) = ([[UInt8]](), 0, 0)
    while start < body.count {
        // Empty pieces come too, but not for ever.
        let size = sizes[turn % sizes.count]
        let end = min(body.count, start + (turn > 4 * sizes.count ? max(1, size) : size))
        pieces.append(Array(body[start..<end]))
        (start, turn) = (end, turn + 1)
    }
    return pieces
}

/// How much was taken; nil: refused.
private func read(_ pieces: [[UInt8]], _ sizeMax: Int64, _ announced: String?) -> Int? {
    do {
        var bounds = try BodyBounds("http://fuzz.test", sizeMax: ByteCount(sizeMax), contentLength: announced)
        var used = 0
        for piece in pieces {
            try bounds.take(piece.count)
            used += piece.count
            promise(used <= sizeMax && bounds.taken == used, "nothing beyond the bound is handed on")
        }
        return used
    } catch {
        refused(error)
        return nil
    }
}

private struct Outcome: Equatable {
    var events: [ServerSentEvent] = []
    var isRefused = false
}

private func events(_ pieces: [[UInt8]], _ sizeMax: Int) -> Outcome {
    var parser = ServerSentEventParser(sizeMax: sizeMax)
    var outcome = Outcome()
    do {
        for piece in pieces { outcome.events += try parser.parse(piece) }
    } catch {
        // Events of the piece that was refused are not handed on: which those are depends on the cut.
        refused(error)
        outcome = Outcome(isRefused: true)
    }
    return outcome
}
