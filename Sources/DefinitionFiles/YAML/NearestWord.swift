/// The word of `words` that `word` was probably meant to be: at most a third of its letters differ, or it begins alike and
/// ends otherwise (`strategy`, `strategies`); nil if none is near.
public func nearest(to word: String, of words: [String]) -> String? {
    let letters = Array(word.lowercased().unicodeScalars.prefix(64))
    let limit = max(1, letters.count / 3)
    let candidates = words.map { ($0, editDistance(letters, Array($0.lowercased().unicodeScalars))) }
    let best = candidates.min { ($0.1, $0.0) < ($1.1, $1.0) }
    if let best, best.1 <= limit { return best.0 }
    let alike = words.map { ($0, commonBeginning(letters, Array($0.lowercased().unicodeScalars))) }
    let longest = alike.max { ($0.1, $1.0) < ($1.1, $0.0) }
    guard let longest, longest.1 >= 4, longest.1 * 4 >= letters.count * 3 else { return nil }
    return longest.0
}

private func commonBeginning(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
    zip(one, other).prefix { $0 == $1 }.count
}

/// Insertions, removals, replacements and swaps of neighbours that turn one into the other (optimal string alignment).
private func editDistance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
    var twoBefore: [Int] = []
    var before = Array(0...other.count)
    for (row, letter) in one.enumerated() {
        var current = [row + 1]
        for (column, otherLetter) in other.enumerated() {
            var best = min(current[column] + 1, before[column + 1] + 1)
            best = min(best, before[column] + (letter == otherLetter ? 0 : 1))
            if row > 0, column > 0, letter == other[column - 1], one[row - 1] == otherLetter {
                best = min(best, twoBefore[column - 1] + 1)
            }
            current.append(best)
        }
        (twoBefore, before) = (before, current)
    }
    return before[other.count]
}
