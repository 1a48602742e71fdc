import Foundation

/// A Swift file of this package, with its comments and strings told apart from its code.
struct SourceFile {
    /// From the root of the package, as `Sources/Effects/Time/TimeDoor.swift`.
    var path: String
    var text: String
    /// The code alone: comments and the contents of strings are spaces; interpolations are code. Lines keep their numbers.
    var codeLines: [String]
    /// What comments say, by line, empty where there is none.
    var commentLines: [String]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        var lexer = SwiftLexer(text)
        (codeLines, commentLines) = lexer.separate()
    }

    var lineCount: Int { text.split(separator: "\n", omittingEmptySubsequences: false).count - 1 }
    var isTest: Bool { path.hasPrefix("Tests/") }

    /// The row of the import table that the file belongs to: its module, or the folder of a program's main.
    var module: String? {
        let parts = path.split(separator: "/")
        switch parts.first {
        case "Sources" where parts.count > 2: return String(parts[1])
        case "agent", "controller": return parts.count > 2 && parts[1] == "main" ? "\(parts[0])/main" : String(parts[0])
        default: return nil
        }
    }
}

/// One broken rule, as `Sources/Effects/X.swift:12: …`.
struct Violation: Equatable, CustomStringConvertible {
    var path: String
    var line: Int
    var message: String

    var description: String { "\(path):\(line): \(message)" }
}

enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift file that we write, sorted by path.
    static let swiftFiles: [SourceFile] = ["Package.swift", "Sources", "agent", "controller", "Tests", "bench"]
        .flatMap(paths(in:)).filter { $0.hasSuffix(".swift") }.sorted()
        .compactMap { path in read(path).map { SourceFile(path: path, text: $0) } }

    /// Files below a folder of the root, or the file itself; nothing where it is absent.
    static func paths(in folder: String) -> [String] {
        let location = root.appendingPathComponent(folder)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder) else { return [] }
        guard isFolder.boolValue else { return [folder] }
        let all = FileManager.default.enumerator(atPath: location.path)?.compactMap { $0 as? String } ?? []
        return all.filter { !$0.hasPrefix(".") && !$0.contains("/.") }.map { "\(folder)/\($0)" }
    }

    static func read(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
