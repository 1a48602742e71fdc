import Glibc
import ReleaseDefinition

/// Turns a failed system call into an error of ours: one code for what a caller may decide upon, the call and the
/// system's word in `cause`.
enum SystemCall {
    /// Repeats a call that a signal interrupted.
    @discardableResult
    static func check<Result: SignedInteger>(
        _ call: String, _ path: @autoclosure () -> String, _ body: () -> Result
    ) throws(EffectsError) -> Result {
        while true {
            let result = body()
            if result >= 0 { return result }
            let number = errno
            if number != EINTR { throw error(number, call, path()) }
        }
    }

    static func error(_ number: Int32, _ call: String, _ path: String) -> EffectsError {
        var (code, text, remedy) = words(number)
        if code == "denied", chowns.contains(call) {
            if geteuid() != 0 { remedy = "Run this as root: nobody else gives files away." }
        } else if code == "denied", let owner = PathOwner(of: path, asFolderOf: namings.contains(call)) {
            text += ": \(owner.words)"
            remedy = owner.remedy
        }
        return EffectsError(
            code: "file." + code, summary: "\(path): \(text).", remedy: remedy,
            cause: "\(call): \(message(number))")
    }

    /// What these change is the folder that a name stands in, whosever the named file is.
    private static let namings: Set = [
        "renameat", "renameat2", "unlinkat", "rmdir", "linkat", "mkdir", "mkdirat", "symlinkat",
    ]
    private static let chowns: Set = ["fchown", "fchownat"]

    static func message(_ number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        // The Glibc module has the XSI form, which fills the buffer.
        guard strerror_r(number, &buffer, buffer.count - 1) == 0 else { return "errno \(number)" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return "\(String(decoding: bytes, as: UTF8.self)) (errno \(number))"
    }

    private static func words(_ number: Int32) -> (code: String, text: String, remedy: String) {
        switch number {
        case ENOENT: ("absent", "there is no such file", "Check the path.")
        case EEXIST, ENOTEMPTY: ("exists", "something is there already", "Choose another name or remove it.")
        case ENOTDIR: ("notDirectory", "a part of the path is no directory", "Check the path.")
        case ENAMETOOLONG: ("path", "the path or a name in it is too long", "Choose shorter names.")
        case EISDIR: ("isDirectory", "it is a directory, a file is expected", "Check the path.")
        case EACCES, EPERM: ("denied", "this user may not do that", "Check owner and mode of the path and its folders.")
        case EROFS: ("readOnly", "the file system is mounted read-only", "Mount it writable or choose another folder.")
        case ENOSPC, EDQUOT: ("noSpace", "the file system is full", "Free some space and try again.")
        case ELOOP, EXDEV:
            (
                "escape", "a symbolic link, another file system or `..` is in the way",
                "Links are never followed here: replace the link by a real folder."
            )
        case EMFILE, ENFILE: ("descriptors", "too many files are open", "Raise the limit of open files.")
        default: ("failed", "the system refused", "Look at the cause; the disk or the file system may be damaged.")
        }
    }
}
