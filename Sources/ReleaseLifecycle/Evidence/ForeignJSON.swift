import ReleaseDefinition

/// Other tools' JSON: as strict as ours, but with numbers that have a fraction or an exponent. They become their text, so
/// that nothing is rounded and nothing computes with them.
enum ForeignJSON {
    static let limits = JSONLimits(bytesMax: 64 << 20, depthMax: 64)

    static func parse(_ bytes: [UInt8], what: String) throws(LifecycleError) -> JSONValue {
        guard bytes.count <= limits.bytesMax else {
            throw unreadable(what, "it is longer than \(ByteCount(limits.bytesMax))")
        }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        do {
            return try JSONValue(parsing: quotingFractions(text), limits: limits)
        } catch {
            throw unreadable(what, error.summary)
        }
    }

    private static func unreadable(_ what: String, _ why: String) -> LifecycleError {
        LifecycleError(
            code: "evidence.json", summary: "The file is no \(what): \(why)",
            remedy: "Give the file that the tool wrote.")
    }

    private static func quotingFractions(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var position = 0
        var (inString, isEscaped) = (false, false)
        while position < bytes.count {
            let byte = bytes[position]
            if inString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                inString = true
            } else if byte == UInt8(ascii: "-") || isDigit(byte) {
                var end = position
                while end < bytes.count, isDigit(bytes[end]) || Array("+-.eE".utf8).contains(bytes[end]) { end += 1 }
                let number = bytes[position..<end]
                let isWhole = number.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") } && number.count <= 18
                result += isWhole ? Array(number) : [UInt8(ascii: "\"")] + number + [UInt8(ascii: "\"")]
                position = end
                continue
            }
            result.append(byte)
            position += 1
        }
        return result
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
