import Effects
import ReleaseDefinition

/// A file that a person named.
enum InputFile {
    static func read(_ path: String, sizeMax: ByteCount = ByteCount(1 << 20)) throws -> [UInt8] {
        let (folder, name) = Directory.split(path)
        return try Directory.open(folder).read(name, sizeMax: sizeMax)
    }

    static func open(_ path: String) throws -> OpenFile {
        let (folder, name) = Directory.split(path)
        return try Directory.open(folder).openFile(name)
    }

    /// UTF-8 text without the white space around it.
    static func readText(_ path: String) throws -> String {
        let bytes = try read(path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError(
                code: "input.encoding", summary: "\(path) is no UTF-8 text.", remedy: "Check that it is the right file."
            )
        }
        return text.trimmed
    }
}

extension String {
    var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let start = drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}
