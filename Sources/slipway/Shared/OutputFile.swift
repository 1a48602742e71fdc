import ArgumentParser
import Effects
import Glibc
import ReleaseDefinition

/// Of every command that writes a file.
struct OutputFileOptions: ParsableArguments {
    @Flag(help: "Replace a file of that name that holds something else.")
    var force = false
}

/// A file that a command makes. What is under its name is whole: it is written beside it first, and nothing is left there
/// when that fails. A file that is there is replaced only where that is wanted; the same bytes again change nothing. The disk
/// has it when the system likes: what is made can be made again after a power cut, and whoever reads it compares digests.
struct OutputFile {
    private let folder: Directory
    private let name: String
    private let path: String
    private let force: Bool

    /// Asked before the work that fills it.
    /// - Throws: `command.output.kind` where something that is no file has the name, a device above all: it is not replaced;
    ///   `command.output.folder` where there is no folder for it.
    init(_ path: String, force: Bool = false) throws {
        (self.path, self.force) = (path, force)
        let (folder, name) = Directory.split(path)
        do {
            self.folder = try Directory.open(folder)
        } catch let error as EffectsError
            where error.code == "effects.file.absent" || error.code == "effects.file.notDirectory"
        {
            throw CommandError(
                code: "output.folder", summary: "\(path) cannot be written: \(folder) is no folder.",
                remedy: "Make it first: mkdir -p \(folder)", cause: error.description)
        }
        self.name = name
        guard let status = try self.folder.status(name), status.kind != .file else { return }
        throw CommandError(
            code: "output.kind", summary: "\(path) is there already and is no regular file.",
            remedy: "Name a file to make, or one to replace.")
    }

    /// - Throws: `command.output.exists` where a file of that name holds something else and `force` is not given.
    func write<Result>(_ body: (OpenFile) throws -> Result) throws -> Result {
        let claim = try begin()
        let interruption = Interruption.begin { try? claim.remove() }
        defer { Interruption.end(interruption) }
        do {
            let result = try body(claim.place)
            try finish(claim)
            return result
        } catch {
            try? claim.remove()
            throw error
        }
    }

    /// As the other, with bytes that come from elsewhere.
    func write<Result>(_ body: (OpenFile) async throws -> Result) async throws -> Result {
        let claim = try begin()
        let interruption = Interruption.begin { try? claim.remove() }
        defer { Interruption.end(interruption) }
        do {
            let result = try await body(claim.place)
            try finish(claim)
            return result
        } catch {
            try? claim.remove()
            throw error
        }
    }

    /// Refuses to be made in a folder that is packed: the next build would pack it too.
    /// - Throws: `command.output.packed`.
    func refuse(within packed: [String]) throws {
        guard let place = Self.realPath(folder.path) else { return }
        for other in packed.compactMap(Self.realPath) where (place + "/").hasPrefix(other == "/" ? "/" : other + "/") {
            throw CommandError(
                code: "output.packed",
                summary: "\(path) would be in \(other), which is packed: the next build would pack it too.",
                remedy: "Name a file outside of the unit's source.")
        }
    }

    /// What a killed command left of it goes first.
    private func begin() throws -> Claim<OpenFile> {
        let prefix = ".\(name).making-"
        _ = try? folder.sweepClaims(prefix)
        return try folder.claimFile(prefix)
    }

    private func finish(_ claim: Claim<OpenFile>) throws {
        if !force, try folder.status(name) != nil {
            guard try Self.sameBytes(folder.openFile(name), claim.place) else {
                throw CommandError(
                    code: "output.exists", summary: "\(path) is there already and holds something else.",
                    remedy: "Name another file, or replace it with --force.")
            }
            return try claim.remove()
        }
        try claim.becomeUnsynced(name)
    }

    /// Links resolved; nil where there is nothing.
    static func realPath(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func sameBytes(_ left: OpenFile, _ right: OpenFile) throws -> Bool {
        let size = try left.size()
        guard try right.size() == size else { return false }
        var offset: Int64 = 0
        while offset < size.value {
            let piece = try left.read(at: offset, count: 1 << 20)
            guard !piece.isEmpty, try right.read(at: offset, count: piece.count) == piece else { return false }
            offset += Int64(piece.count)
        }
        return true
    }
}
