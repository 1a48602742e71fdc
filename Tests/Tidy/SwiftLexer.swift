/// Just enough of Swift's lexical grammar to tell code from comments and strings: line and nested block comments, plain,
/// multi-line and raw strings, interpolations inside them.
struct SwiftLexer {
    private enum Context {
        /// Inside an interpolation: parentheses still open.
        case code(openParentheses: Int)
        case string(hashes: Int, isMultiline: Bool)
        case lineComment
        case blockComment(depth: Int)
    }

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var contexts: [Context] = [.code(openParentheses: 0)]
    private var code = [""]
    private var comments = [""]

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func separate() -> (code: [String], comments: [String]) {
        while position < scalars.count {
            if scalars[position] == "\n" {
                if case .lineComment = contexts.last { contexts.removeLast() }
                code.append("")
                comments.append("")
                position += 1
                continue
            }
            switch contexts.last ?? .code(openParentheses: 0) {
            case .code(let open): readCode(open)
            case .string(let hashes, let isMultiline): readString(hashes, isMultiline)
            case .lineComment: takeComment()
            case .blockComment(let depth): readBlockComment(depth)
            }
        }
        return (code, comments)
    }

    private mutating func readCode(_ openParentheses: Int) {
        if starts("//") {
            contexts.append(.lineComment)
        } else if starts("/*") {
            contexts.append(.blockComment(depth: 1))
            skip(2)
        } else if let (hashes, isMultiline) = opensString() {
            skip(hashes + (isMultiline ? 3 : 1))
            contexts.append(.string(hashes: hashes, isMultiline: isMultiline))
        } else {
            let isInterpolation = contexts.count > 1
            if isInterpolation, starts("(") { replaceTop(.code(openParentheses: openParentheses + 1)) }
            if isInterpolation, starts(")") {
                if openParentheses == 1 {
                    contexts.removeLast()
                } else {
                    replaceTop(.code(openParentheses: openParentheses - 1))
                }
            }
            code[code.count - 1].unicodeScalars.append(scalars[position])
            position += 1
        }
    }

    private mutating func readString(_ hashes: Int, _ isMultiline: Bool) {
        let pounds = String(repeating: "#", count: hashes)
        let end = (isMultiline ? "\"\"\"" : "\"") + pounds
        if starts("\\\(pounds)(") {
            skip(hashes + 1)
            contexts.append(.code(openParentheses: 0))
        } else if starts("\\\(pounds)") {
            skip(min(hashes + 2, scalars.count - position))
        } else if starts(end) {
            contexts.removeLast()
            skip(end.unicodeScalars.count)
        } else {
            skip(1)
        }
    }

    private mutating func readBlockComment(_ depth: Int) {
        if starts("*/") {
            if depth == 1 { contexts.removeLast() } else { replaceTop(.blockComment(depth: depth - 1)) }
            skip(2)
        } else if starts("/*") {
            replaceTop(.blockComment(depth: depth + 1))
            skip(2)
        } else {
            takeComment()
        }
    }

    private mutating func takeComment() {
        comments[comments.count - 1].unicodeScalars.append(scalars[position])
        position += 1
    }

    private mutating func replaceTop(_ context: Context) { contexts[contexts.count - 1] = context }

    /// Moves on over scalars that are not code; line feeds among them still count.
    private mutating func skip(_ count: Int) {
        for _ in 0..<count where position < scalars.count {
            if scalars[position] == "\n" { return }
            code[code.count - 1].append(" ")
            position += 1
        }
    }

    private func opensString() -> (hashes: Int, isMultiline: Bool)? {
        var hashes = 0
        while scalar(hashes) == "#" { hashes += 1 }
        guard scalar(hashes) == "\"" else { return nil }
        return (hashes, scalar(hashes + 1) == "\"" && scalar(hashes + 2) == "\"")
    }

    private func scalar(_ offset: Int) -> Unicode.Scalar? {
        position + offset < scalars.count ? scalars[position + offset] : nil
    }

    private func starts(_ text: String) -> Bool {
        text.unicodeScalars.enumerated().allSatisfy { scalar($0.offset) == $0.element }
    }
}
