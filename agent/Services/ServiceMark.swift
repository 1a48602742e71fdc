import Effects
import ReleaseDefinition

/// What the services of one agent's folder carry in their environment, and those of no other: its real path, for two
/// folders of which one is a copy, and a random word kept in it, for containers that see each other's processes and
/// call their folders the same.
struct ServiceMark: Sendable, Equatable {
    static let fileName = "service-mark"
    fileprivate static let wordLength = 32

    fileprivate var path: String
    fileprivate var word: String

    func marker(_ key: ServiceKey) -> String { "\(path)/services/\(key)#\(word)" }
}

extension AgentFolder {
    /// nil: no service was ever started from here, or nobody can tell any more which were.
    func serviceMark() throws -> ServiceMark? {
        guard try base.status(ServiceMark.fileName)?.kind == .file,
            let bytes = try? base.read(ServiceMark.fileName, sizeMax: ByteCount(64))
        else { return nil }
        let word = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        guard word.utf8.count == ServiceMark.wordLength, word.allSatisfy(\.isHexDigit) else { return nil }
        return ServiceMark(path: try realPath(), word: word)
    }

    /// The mark, made where there is none: it is on the disk before the first service that carries it.
    func markServices(_ random: any RandomDoor) throws -> ServiceMark {
        if let mark = try serviceMark() { return mark }
        let name = ServiceMark.fileName
        if let status = try base.status(name), status.kind != .file { try base.removeTree(name) }
        let word = random.bytes(ServiceMark.wordLength / 2).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        try base.writeDurably(name, Array("\(word)\n".utf8), mode: 0o600)
        return ServiceMark(path: try realPath(), word: word)
    }

    private func realPath() throws -> String { try Directory.open("/proc/self/fd").readLink("\(base.descriptor)") }
}
