import Effects
import ReleaseDefinition

/// The code of what `body` throws; nil if it does not.
public func code(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch { return ReportedError(error).code }
}

public func code(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch { return ReportedError(error).code }
}

/// Everything about a tree that a package keeps, a line each, to compare two trees.
public func describe(_ directory: Directory, at prefix: String = "") throws -> [String] {
    var lines: [String] = []
    for entry in try directory.list() {
        let path = prefix + entry.name
        switch entry.kind {
        case .file:
            let mode = try directory.status(entry.name)?.mode ?? 0
            let digest = SHA256Digest(of: try directory.read(entry.name, sizeMax: ByteCount(1 << 30)))
            lines.append("\(path) \(mode & 0o100 == 0 ? "file" : "program") \(digest)")
        case .symlink: lines.append("\(path) -> \(try directory.readLink(entry.name))")
        case .directory: lines += ["\(path)/"] + (try describe(try directory.directory(entry.name), at: path + "/"))
        case .other: lines.append("\(path) other")
        }
    }
    return lines
}
