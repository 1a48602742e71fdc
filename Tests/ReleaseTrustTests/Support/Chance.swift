import ReleaseDefinition

@testable import ReleaseTrust

/// Reproducible choices: SplitMix64.
struct Chance {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func tree(depth: Int) -> JSONValue {
        switch next() % (depth > 0 ? 6 : 4) {
        case 0: return [.null, .bool(true), .bool(false)][Int(next() % 3)]
        case 1: return .integer(Int64(bitPattern: next()) >> Int64(next() % 64))
        case 2, 3: return .string(text())
        case 4: return .array((0..<next() % 4).map { _ in tree(depth: depth - 1) })
        default:
            var object = JSONValue.object([])
            for _ in 0..<next() % 5 { object.set(text(), tree(depth: depth - 1)) }
            return object
        }
    }

    /// Quotes, backslashes, controls, combining marks, and planes beyond the first.
    private mutating func text() -> String {
        let alphabet = Array("ab\"\\/\u{0}\u{8}\n\u{1f}\u{7f}é\u{301}ﬁ\u{2028}\u{fffd}😀".unicodeScalars)
        var text = String.UnicodeScalarView()
        for _ in 0..<next() % 6 { text.append(alphabet[Int(next() % UInt64(alphabet.count))]) }
        return String(text)
    }
}
