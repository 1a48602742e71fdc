/// The form of every Swift file: short, nothing that traps on outside input, nothing left for later.
enum FileForm {
    static let linesMax = 399

    static func check(_ file: SourceFile) -> [Violation] {
        checkLength(file) + checkMarks(file) + (file.isTest ? [] : checkTraps(file)) + checkSendable(file)
    }

    static func checkLength(_ file: SourceFile) -> [Violation] {
        guard file.lineCount > linesMax else { return [] }
        let message = "\(file.lineCount) lines, at most \(linesMax): split it by concept."
        return [Violation(path: file.path, line: linesMax + 1, message: message)]
    }

    /// Built from pieces, because this file is checked as well.
    private static let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]

    static func checkMarks(_ file: SourceFile) -> [Violation] {
        file.commentLines.enumerated().flatMap { index, comment in
            marks.filter(comment.contains).map { mark in
                Violation(path: file.path, line: index + 1, message: "\(mark): do it, or open an issue and remove it.")
            }
        }
    }

    private static let traps: [(word: String, instead: String)] = [
        ("try!", "handle the error"), ("as!", "use `as?` and handle the other case"),
        ("fatalError", "throw, or use precondition for a defect of our own"),
        ("unsafeBitCast", "convert the value"), ("unsafelyUnwrapped", "unwrap with guard"),
    ]

    static func checkTraps(_ file: SourceFile) -> [Violation] {
        file.codeLines.enumerated().flatMap { index, line in
            var found = traps.filter { BannedWords.contains($0.word, in: line) }.map { trap in
                Violation(path: file.path, line: index + 1, message: "\(trap.word): \(trap.instead).")
            }
            if hasForceUnwrap(line) {
                let message = "a forced unwrap: use guard, ??, or precondition with a reason."
                found.append(Violation(path: file.path, line: index + 1, message: message))
            }
            return found
        }
    }

    /// `value!`, `call()!`, `list[0]!`; not `!value`, `a != b` or the words above.
    static func hasForceUnwrap(_ line: String) -> Bool {
        let characters = Array(line)
        for (index, character) in characters.enumerated() where character == "!" && index > 0 {
            let before = characters[index - 1]
            let after = index + 1 < characters.count ? characters[index + 1] : " "
            guard before.isLetter || before.isNumber || "_)]\"`".contains(before), after != "=" else { continue }
            let word = String(characters[..<index].reversed().prefix { $0.isLetter }.reversed())
            if word != "try" && word != "as" { return true }
        }
        return false
    }

    private static let unproven = ["@unchecked Sendable", "nonisolated(unsafe)"]

    /// The proof is a comment on the same line or right above the declaration.
    static func checkSendable(_ file: SourceFile) -> [Violation] {
        file.codeLines.enumerated().flatMap { index, line in
            unproven.filter(line.contains).compactMap { word in
                let above = file.commentLines[max(0, index - 3)...index]
                guard above.allSatisfy({ $0.count < 20 }) else { return nil }
                let message = "\(word) without a proof: say in a comment why no two threads touch it at once."
                return Violation(path: file.path, line: index + 1, message: message)
            }
        }
    }
}
