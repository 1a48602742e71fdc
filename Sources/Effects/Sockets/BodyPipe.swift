import CSystemShims
import Glibc
import ReleaseDefinition

/// Bytes from one process to another, as they come: who writes waits for who reads.
public enum BodyPipe {
    public static func make() throws -> (reader: OpenFile, writer: OpenFile) {
        var ends: [Int32] = [-1, -1]
        try SystemCall.check("pipe2", "a pipe") { slipway_pipe(&ends) }
        let pipe = (
            reader: OpenFile(descriptor: ends[0], path: "a pipe"), writer: OpenFile(descriptor: ends[1], path: "a pipe")
        )
        try pipe.reader.neverBlock()
        try pipe.writer.neverBlock()
        return pipe
    }

    /// The program goes on where a reader is gone; children get the signal back.
    public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}

extension OpenFile {
    fileprivate static let pieceSize = 64 << 10

    /// Calls on it answer at once; the flag is of the open file, so it holds for whoever else has it.
    fileprivate func neverBlock() throws {
        _ = try SystemCall.check("fcntl", path) { fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    }

    /// The next bytes of a pipe; empty at its end. What is no pipe, and from who knows whom, is refused.
    public func receivePiece() async throws -> [UInt8] {
        while true {
            var number: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, filled in
                let count = Glibc.read(descriptor, buffer.baseAddress, Self.pieceSize)
                number = count < 0 ? errno : 0
                filled = max(0, count)
            }
            if number == 0 { return piece }
            guard number == EAGAIN || number == EINTR else { throw SystemCall.error(number, "read", path) }
            if number == EAGAIN { try await Readiness.wait(for: descriptor, Int16(POLLIN)) }
        }
    }

    /// Returns when all of it was taken into the pipe.
    /// - Throws: where the reader is gone, and when cancelled.
    public func sendPiece(_ bytes: [UInt8]) async throws {
        var done = 0
        while done < bytes.count {
            try Task.checkCancellation()
            let (start, left) = (done, bytes.count - done)
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: start), left) }
            if count >= 0 {
                done += count
                continue
            }
            let number = errno
            guard number == EAGAIN || number == EINTR else { throw SystemCall.error(number, "write", path) }
            if number == EAGAIN { try await Readiness.wait(for: descriptor, Int16(POLLOUT)) }
        }
    }

    /// Made ready for `receivePiece`, after a stranger sent it: opened anew, because the stranger has the open file that came
    /// as well, and could make calls on it wait.
    /// - Throws: `effects.socket.form`: it is no pipe.
    public func asReceivedPipe() throws -> OpenFile {
        var status = stat()
        try SystemCall.check("fstat", path) { fstat(descriptor, &status) }
        guard status.st_mode & 0o170000 == 0o010000 else {
            throw EffectsError(
                code: "socket.form", summary: "\(path) is no pipe.",
                remedy: "Both ends must be of one version: restart both.")
        }
        let own = Glibc.open("/proc/self/fd/\(descriptor)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard own >= 0 else { throw SystemCall.error(errno, "open", path) }
        return OpenFile(descriptor: own, path: path)
    }

    /// A file without a name that holds these bytes for good, to be handed to another process.
    public static func inMemory(_ bytes: [UInt8]) throws -> OpenFile {
        let descriptor = try SystemCall.check("memfd_create", "memory") { slipway_memory_file("slipway") }
        let file = OpenFile(descriptor: descriptor, path: "memory")
        try file.write(bytes)
        try SystemCall.check("fcntl", "memory") { slipway_seal(descriptor) }
        return file
    }

    /// All of a file in memory that a stranger sent and nobody can change any more: nothing else is read, which might take
    /// as long as the stranger likes.
    /// - Throws: `effects.socket.form`: it is none; `effects.file.tooLarge`.
    public func readReceived(sizeMax: ByteCount) throws -> [UInt8] {
        guard slipway_is_sealed(descriptor) == 1 else {
            throw EffectsError(
                code: "socket.form", summary: "\(path) is no sealed file in memory.",
                remedy: "Both ends must be of one version: restart both.")
        }
        return try readAll(sizeMax: sizeMax)
    }
}
