import Glibc

/// `text/event-stream` (WHATWG HTML, 9.2.6) from bytes as they arrive, cut anywhere.
///
/// A line and an event are bounded by `sizeMax`. Comments, `retry` and unknown fields are read over; an event without
/// data is none. What follows the last blank line when the stream ends is dropped, as the standard says.
struct ServerSentEventParser {
    private let sizeMax: Int
    private var line: [UInt8] = []
    private var isAfterCarriageReturn = false
    private var isAtStart = true
    private var name = ""
    private var data: [UInt8] = []
    private var hasData = false
    /// Holds for the events after it too, until another comes.
    private var lastID: String?

    init(sizeMax: Int) { self.sizeMax = sizeMax }

    /// - Throws: `effects.http.eventTooLarge`.
    mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(EffectsError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        var rest = bytes
        while !rest.isEmpty {
            if isAfterCarriageReturn {
                isAfterCarriageReturn = false
                if rest[0] == 0x0A {
                    rest = UnsafeRawBufferPointer(rebasing: rest[1...])
                    continue
                }
            }
            let end = Self.lineEnd(rest)
            let text = UnsafeRawBufferPointer(rebasing: rest[..<(end ?? rest.count)])
            guard line.count + text.count <= sizeMax else { throw tooLarge }
            line.append(contentsOf: text)
            guard let end else { break }
            isAfterCarriageReturn = rest[end] == 0x0D
            if let event = try endLine() { events.append(event) }
            rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
        }
        return events
    }

    mutating func parse(_ bytes: [UInt8]) throws(EffectsError) -> [ServerSentEvent] {
        let result = bytes.withUnsafeBytes { bytes -> Result<[ServerSentEvent], EffectsError> in
            do throws(EffectsError) { return .success(try parse(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// The first line feed or carriage return.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        let feed = memchr(start, 0x0A, bytes.count).map { start.distance(to: $0) }
        let carriage = memchr(start, 0x0D, feed ?? bytes.count).map { start.distance(to: $0) }
        return carriage ?? feed
    }

    private mutating func endLine() throws(EffectsError) -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: line.count < 64 << 10) }
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        if line.isEmpty { return endEvent() }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let field = String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self)
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch field {
        case "event": name = String(decoding: value, as: UTF8.self)
        case "id" where !value.contains(0): lastID = String(decoding: value, as: UTF8.self)
        case "data":
            guard data.count + value.count < sizeMax else { throw tooLarge }
            data.append(contentsOf: value)
            data.append(0x0A)
            hasData = true
        default: break
        }
        return nil
    }

    private mutating func endEvent() -> ServerSentEvent? {
        defer {
            name = ""
            data.removeAll()
            hasData = false
        }
        guard hasData else { return nil }
        return ServerSentEvent(
            id: lastID, name: name.isEmpty ? "message" : name, data: String(decoding: data.dropLast(), as: UTF8.self))
    }

    private var tooLarge: EffectsError {
        EffectsError(
            code: "http.eventTooLarge",
            summary: "The event stream has a line or an event of more than \(sizeMax) bytes.",
            remedy: "Check that the address is a controller of the same version.")
    }
}
