import Effects
import ReleaseDefinition

/// A file that a command makes. What is under its name is whole: it is written beside it first, and nothing is left there
/// when that fails. The disk has it when the system likes: what is made can be made again after a power cut, and whoever
/// reads it compares digests.
struct OutputFile {
    private let folder: Directory
    private let name: String

    /// Asked before the work that fills it.
    /// - Throws: `command.output.kind` where something that is no file has the name, a device above all: it is not replaced.
    init(_ path: String) throws {
        let (folder, name) = InputFile.split(path)
        self.folder = try Directory.open(folder)
        self.name = name
        guard let status = try self.folder.status(name), status.kind != .file else { return }
        throw CommandError(
            code: "output.kind", summary: "\(path) is there already and is no regular file.",
            remedy: "Name a file to make, or one to replace.")
    }

    func write<Result>(_ body: (OpenFile) throws -> Result) throws -> Result {
        let temporary = ".\(name).making-\(Hexadecimal.encode(SystemRandom().bytes(6)))"
        do {
            let file = try folder.createFile(temporary)
            let result = try body(file)
            try folder.renameUnsynced(temporary, to: name)
            return result
        } catch {
            try? folder.removeFile(temporary)
            throw error
        }
    }
}
