import Glibc
import Synchronization

/// Files of a test, by whole path: no door of ours, so that a door's defect cannot hide in both.
enum Files {
    /// The checkout.
    static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(4)
        return "/" + parts.joined(separator: "/")
    }()
    /// SARIF of a scanner that found nothing.
    static let cleanScan =
        #"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner"}},"results":[]}]}"#
    /// Where `swift build` put the programs that this test runs.
    static let programs: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The test runner itself lives in the toolchain; the bundle then is found beside the sources.
        return path.contains("/.build/") ? parent(path) : root + "/.build/debug"
    }()
    private static let counter = Mutex(0)

    static func unique(_ prefix: String) -> String {
        prefix + "-"
            + String(
                counter.withLock { value in
                    value += 1; return value
                })
    }

    static func parent(_ path: String) -> String { "/" + path.split(separator: "/").dropLast().joined(separator: "/") }

    static func makeTemporaryFolder() throws -> String {
        let base = getenv("SLIPWAY_TEST_FOLDER").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/slipway-fleet-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestFailure(description: "no temporary folder in \(base): \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = fopen(path, "r")
        guard let file else { throw TestFailure(description: "\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
        }
    }

    static func read(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func write(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws {
        try makeFolder(parent(path))
        let file = fopen(path, "w")
        guard let file else { throw TestFailure(description: "\(path): \(String(cString: strerror(errno)))") }
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else {
            throw TestFailure(description: "\(path): not all written")
        }
        chmod(path, mode)
    }

    /// Bytes that do not compress, the same at each call.
    static func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    static func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
        try write(path, Array(text.utf8), mode: mode)
    }

    static func makeFolder(_ path: String) throws {
        guard !exists(path) else { return }
        try makeFolder(parent(path))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw TestFailure(description: "\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Names, sorted; empty where there is no such folder.
    static func list(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Regular files below a folder, without following links; paths from the folder.
    static func walk(_ path: String, below prefix: String = "") -> [String] {
        list(path).flatMap { name -> [String] in
            var info = stat()
            guard lstat("\(path)/\(name)", &info) == 0 else { return [] }
            switch info.st_mode & S_IFMT {
            case S_IFDIR: return walk("\(path)/\(name)", below: "\(prefix)\(name)/")
            case S_IFREG: return [prefix + name]
            default: return []
            }
        }
    }

    /// 0 where there is no such file.
    static func size(_ path: String) -> Int {
        var info = stat()
        return lstat(path, &info) == 0 ? Int(info.st_size) : 0
    }

    static func link(_ path: String, to target: String) throws {
        let temporary = unique(path + ".link")
        guard symlink(target, temporary) == 0, rename(temporary, path) == 0 else {
            throw TestFailure(description: "\(path): \(String(cString: strerror(errno)))")
        }
    }

    static func target(ofLink path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink(path, &buffer, buffer.count - 1)
        return length > 0 ? String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    static func removeTree(_ path: String) {
        var info = stat()
        guard lstat(path, &info) == 0 else { return }
        if info.st_mode & S_IFMT == S_IFDIR {
            list(path).forEach { removeTree("\(path)/\($0)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// Ends every process whose working folder is below this one, until there is none: services outlive their agent on
    /// purpose, and an agent that is still alive starts them anew.
    static func killProcesses(below folder: String) {
        killProcesses { target(ofLink: "/proc/\($0)/cwd")?.hasPrefix(folder + "/") == true }
    }

    static func killProcesses(where isOurs: (pid_t) -> Bool) {
        for _ in 0..<100 {
            let ours = list("/proc").compactMap { pid_t($0) }.filter(isOurs)
            guard !ours.isEmpty else { return }
            ours.forEach { kill($0, SIGKILL) }
            usleep(20_000)
        }
    }
}
