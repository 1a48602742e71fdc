import NIOCore
import ReleaseDefinition
import Testing
import TestSupport

@testable import Effects

@Suite("A file as a request's body")
struct FilePiecesTests {
    let folder: TemporaryFolder
    let directory: Directory

    init() throws {
        folder = try TemporaryFolder()
        directory = try Directory.open(folder.path)
    }

    private func collect(_ pieces: FilePieces) async throws -> [[UInt8]] {
        var collected: [[UInt8]] = []
        for try await piece in pieces { collected.append(Array(piece.readableBytesView)) }
        return collected
    }

    @Test(
        "Comes in pieces of a bounded size, each byte once",
        arguments: [0, 1, FilePieces.pieceSize, FilePieces.pieceSize * 2 + 7])
    func pieces(_ size: Int) async throws {
        let bytes = (0..<size).map { UInt8($0 % 251) }
        try directory.writeDurably("file", bytes)
        let pieces = FilePieces(file: try directory.openFile("file"), size: Int64(size))
        let collected = try await collect(pieces)
        #expect(collected.allSatisfy { (1...FilePieces.pieceSize).contains($0.count) })
        #expect(collected.flatMap(\.self) == bytes)
        // From its beginning each time: a request may be sent again.
        #expect(try await collect(pieces) == collected)
    }

    @Test("One that became shorter is an error; one that grew is sent as it was announced")
    func changed() async throws {
        try directory.writeDurably("file", [1, 2, 3])
        let file = try directory.openFile("file")
        await #expect(throws: EffectsError.self) { try await collect(FilePieces(file: file, size: 4)) }
        #expect(try await collect(FilePieces(file: file, size: 2)) == [[1, 2]])
    }
}
