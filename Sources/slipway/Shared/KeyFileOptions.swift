import ArgumentParser
import Effects
import Glibc
import ReleaseDefinition
import ReleaseTrust

/// A person's private key, and how it is opened. It never leaves this machine.
struct KeyFileOptions: ParsableArguments {
    @Option(
        name: .customLong("key-file"),
        help: "Your private key (0600); several are possible. A name without / may be one of systemd's credentials.")
    var files: [String] = []

    @Option(help: "File that holds the key's passphrase; - is stdin. Without it the terminal asks.")
    var passphraseFile: String?

    /// - Parameter noInput: nobody is asked for a passphrase.
    /// - Throws: `command.key.mode` for a file that others can read, `command.key.passphrase`, `trust.key.…`.
    func keys(noInput: Bool) throws -> [SigningKey] {
        guard !files.isEmpty else { throw ValidationError("Say which key signs: --key-file FILE.") }
        return try files.map { try read($0, noInput: noInput) }
    }

    private func read(_ name: String, noInput: Bool) throws -> SigningKey {
        let path = Self.credential(name) ?? name
        let (folder, file) = Directory.split(path)
        let directory = try Directory.open(folder)
        if let mode = try directory.status(file)?.mode, mode & 0o077 != 0 {
            throw CommandError(
                code: "key.mode",
                summary: "\(path) has mode \(String(mode & 0o777, radix: 8)): others can read the key.",
                remedy: "Make it yours alone: chmod 600 \(path). If others may have read it, have the key rotated.")
        }
        let bytes = try directory.read(file, sizeMax: ByteCount(1 << 16))
        let text = String(decoding: bytes, as: UTF8.self)
        return try SigningKey(
            pem: text, passphrase: SigningKey.isEncrypted(pem: text) ? passphrase(for: path, noInput: noInput) : nil)
    }

    /// systemd.exec(5) LoadCredential=: a folder that only this service can read.
    private static func credential(_ name: String) -> String? {
        guard !name.contains("/"), let folder = getenv("CREDENTIALS_DIRECTORY").map({ String(cString: $0) }),
            access("\(folder)/\(name)", R_OK) == 0
        else { return nil }
        return "\(folder)/\(name)"
    }

    private func passphrase(for path: String, noInput: Bool) throws -> [UInt8] {
        if let passphraseFile { return try Self.passphrase(from: passphraseFile) }
        guard !noInput, let text = HiddenInput.ask("Passphrase of \(path): ") else {
            let why = noInput ? "--no-input says that nobody is to be asked" : "there is no terminal to ask on"
            throw CommandError(
                code: "key.passphrase", summary: "The key \(path) is encrypted, and \(why).",
                remedy: "Give the passphrase with --passphrase-file FILE, or on stdin with --passphrase-file -.")
        }
        return text
    }

    /// Without the line feed at its end.
    static func passphrase(from file: String) throws -> [UInt8] {
        var bytes = file == "-" ? StandardInput.all(sizeMax: 4096) : try InputFile.read(file, sizeMax: ByteCount(4096))
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw CommandError(
                code: "key.passphrase", summary: "The passphrase in \(file) is empty.",
                remedy: "Write it on the first line of the file.")
        }
        return bytes
    }
}

enum StandardInput {
    static func all(sizeMax: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1024)
        while bytes.count < sizeMax {
            let count = read(STDIN_FILENO, &piece, piece.count)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return bytes
    }

    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }
}

/// A line from the terminal that is not shown.
enum HiddenInput {
    /// For what is asked before a command looks at its own options: each that has `--no-input` means it for all of its questions.
    static let isUnwanted = CommandLine.arguments.contains("--no-input")

    static func ask(_ prompt: String) -> [UInt8]? {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var before = termios()
        guard tcgetattr(terminal, &before) == 0 else { return nil }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(terminal, TCSAFLUSH, &silent)
        defer {
            tcsetattr(terminal, TCSAFLUSH, &before)
            _ = write(terminal, "\n", 1)
        }
        _ = prompt.withCString { write(terminal, $0, strlen($0)) }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 4096, read(terminal, &byte, 1) == 1, byte != 0x0A { line.append(byte) }
        return line
    }
}
