/// What would make a pure module depend on anything but its arguments, each with what to write instead.
enum BannedWords {
    struct Word {
        /// Matched in code at the start of a word.
        var text: String
        var replacement: String
    }

    static let words: [Word] = [
        Word(text: "Date(", replacement: "take `at now: UTCInstant` as an argument"),
        Word(text: ".now", replacement: "take `at now: UTCInstant` as an argument"),
        Word(text: "ContinuousClock", replacement: "take `at now: UTCInstant` as an argument"),
        Word(text: "SuspendingClock", replacement: "take `at now: UTCInstant` as an argument"),
        Word(text: "clock_gettime", replacement: "take `at now: UTCInstant` as an argument"),
        Word(text: "gettimeofday", replacement: "take `at now: UTCInstant` as an argument"),
        Word(text: "sleep", replacement: "answer a deadline; its owner waits through Effects.TimeDoor"),
        Word(text: "TimeZone.current", replacement: "take the zone as an argument"),
        Word(text: "Locale.current", replacement: "write without a locale"),
        Word(text: "FileManager", replacement: "take bytes; Effects.Directory reads and writes them"),
        Word(text: "fopen", replacement: "take bytes; Effects.Directory reads and writes them"),
        Word(text: "UUID(", replacement: "take the id as an argument; Effects.RandomDoor makes one"),
        Word(text: ".random", replacement: "take the random bytes as an argument; Effects.RandomDoor makes them"),
        Word(text: ".shuffle", replacement: "order by a digest, as HostBucket does"),
        Word(text: "RandomNumberGenerator", replacement: "take the random bytes as an argument"),
        Word(text: "RAND_", replacement: "take the random bytes as an argument; Effects.RandomDoor makes them"),
        Word(text: "keygen", replacement: "take the key as an argument; Effects.KeyGeneration makes it"),
        Word(text: "ProcessInfo", replacement: "take the value as an argument"),
        Word(text: "getenv", replacement: "take the value as an argument"),
        Word(text: "print(", replacement: "answer a value; the program prints it"),
        Word(text: "Task {", replacement: "answer an action; its owner carries it out"),
        Word(text: "Task.detached", replacement: "answer an action; its owner carries it out"),
    ]

    static func check(_ file: SourceFile) -> [Violation] {
        guard let module = file.module, ImportTable.rows[module]?.isPure == true else { return [] }
        return file.codeLines.enumerated().flatMap { index, line in
            words.filter { contains($0.text, in: line) }.map { word in
                let message = "\(module) is pure and has \"\(word.text)\": \(word.replacement)."
                return Violation(path: file.path, line: index + 1, message: message)
            }
        }
    }

    /// `print` says nothing of a full stdout, and writes it when the program has ended well: each program has one function that
    /// answers whether all was written.
    static func checkOutput(_ file: SourceFile) -> [Violation] {
        guard ["Sources/slipway/", "agent/", "controller/"].contains(where: file.path.hasPrefix) else { return [] }
        // A type's own function of that name is asked by its short name.
        guard !file.codeLines.contains(where: { $0.contains("func print(") || $0.contains("func print<") }) else {
            return []
        }
        return file.codeLines.enumerated().compactMap { index, line in
            guard let range = line.firstRange(of: "print(") else { return nil }
            let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
            guard !before.isLetter, before != "." else { return nil }
            return Violation(
                path: file.path, line: index + 1,
                message: "print( loses what a full stdout does not take: use StandardOutput, Output.data or "
                    + "ControllerCommand.show.")
        }
    }

    private static func isMemberOfValue(_ before: Substring) -> Bool {
        let name = String(before.reversed().prefix { $0.isLetter || $0.isNumber || $0 == "_" }.reversed())
        return name.first?.isLowercase == true || before.last == ")" || before.last == "?"
    }

    /// `keygen` is banned wherever it stands in a name (`EVP_PKEY_keygen_init`), the others at the start of one.
    static func contains(_ word: String, in line: String) -> Bool {
        var rest = line[...]
        while let range = rest.firstRange(of: word) {
            let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
            // `draft.now` is a value that was passed in; `.now` of a type, named or implied, asks a clock.
            if word == ".now", Self.isMemberOfValue(line[..<range.lowerBound]) {
                rest = line[range.upperBound...]
                continue
            }
            let startsName = word.hasPrefix(".") || !(before.isLetter || before.isNumber || before == "_")
            let endsName =
                !(range.upperBound < line.endIndex && word.last?.isLetter == true)
                || !(line[range.upperBound].isLetter || line[range.upperBound].isNumber)
            if word == "keygen" || word == "RandomNumberGenerator" || (startsName && (endsName || word == ".shuffle")) {
                return true
            }
            rest = line[range.upperBound...]
        }
        return false
    }
}
