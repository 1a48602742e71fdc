import ArgumentParser
import Effects
import ReleaseDefinition

/// A file that a person named.
enum InputFile {
    static func read(_ path: String, sizeMax: ByteCount = ByteCount(1 << 20)) throws -> [UInt8] {
        let (folder, name) = try split(path)
        return try Directory.open(folder).read(name, sizeMax: sizeMax)
    }

    static func open(_ path: String) throws -> OpenFile {
        let (folder, name) = try split(path)
        return try Directory.open(folder).openFile(name)
    }

    /// - Throws: `ValidationError`: nothing at all is what a variable of a shell holds that was never set.
    private static func split(_ path: String) throws -> (folder: String, name: String) {
        guard !path.isEmpty else {
            throw ValidationError("An empty text names no file. Write its path; a variable that gave it may be unset.")
        }
        return Directory.split(path)
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
