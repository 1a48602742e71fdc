import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition

/// What a host is, read from the places that every Linux has; what cannot be read is left out.
struct SystemInventory: Sendable {
    static let factsName = "facts.d"
    private static let statusMax = ByteCount(64 << 20)

    /// The agent's folder, with `facts.d`.
    var folder: Directory
    /// Where `etc`, `proc` and `var` are.
    var root = "/"

    func read() -> HostSystem {
        var name = utsname()
        uname(&name)
        let packages = packages()
        return HostSystem(
            operatingSystem: osRelease()["PRETTY_NAME"] ?? "", operatingSystemID: osRelease()["ID"] ?? "",
            operatingSystemVersion: osRelease()["VERSION_ID"] ?? "", kernel: Self.text(&name.release),
            architecture: Self.text(&name.machine), memory: memory(), disk: disk(), packages: packages?.count,
            packagesDigest: packages.map(Self.digest), facts: facts())
    }

    /// Of the names and versions of what is installed; nil: there is no dpkg.
    func packagesDigest() -> SHA256Digest? { packages().map(Self.digest) }

    private func packages() -> [String]? { Self.packages(lines(of: "var/lib/dpkg/status")) }

    private static func digest(_ packages: [String]) -> SHA256Digest {
        SHA256Digest(of: Array(packages.joined(separator: "\n").utf8))
    }

    /// `name version`, sorted, of those that are installed.
    static func packages(_ lines: [Substring]?) -> [String]? {
        guard let lines else { return nil }
        var found: [String] = []
        var (name, version, isInstalled) = ("", "", false)
        for line in lines + [""] {
            if line.isEmpty {
                if isInstalled { found.append("\(name) \(version)") }
                (name, version, isInstalled) = ("", "", false)
            } else if line.hasPrefix("Package: ") {
                name = String(line.dropFirst(9))
            } else if line.hasPrefix("Version: ") {
                version = String(line.dropFirst(9))
            } else if line.hasPrefix("Status: ") {
                isInstalled = line.hasSuffix(" installed")
            }
        }
        return found.sorted()
    }

    /// Each `NAME.json` of `facts.d`, by its name; one that is no JSON or too large is left out.
    func facts() -> [String: JSONValue]? {
        guard let entries = try? folder.list(Self.factsName) else { return nil }
        var found: [String: JSONValue] = [:]
        for entry in entries.sorted(by: { $0.name < $1.name }).prefix(HostSystem.factsMax)
        where entry.kind == .file && entry.name.hasSuffix(".json") {
            guard let bytes = try? folder.read(Self.factsName + "/" + entry.name, sizeMax: HostSystem.factSizeMax),
                let value = try? JSONValue(parsing: bytes)
            else { continue }
            found[String(entry.name.dropLast(5))] = value
        }
        return found.isEmpty ? nil : found
    }

    private func osRelease() -> [String: String] {
        var found: [String: String] = [:]
        for line in lines(of: "etc/os-release") ?? lines(of: "usr/lib/os-release") ?? [] {
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            found[parts[0]] = parts[1].filter { $0 != "\"" }
        }
        return found
    }

    private func memory() -> ByteCount {
        let line = lines(of: "proc/meminfo")?.first { $0.hasPrefix("MemTotal:") }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0
        return ByteCount(kibibytes.multipliedReportingOverflow(by: 1024).partialValue)
    }

    /// Of the file system with the root of installations.
    private func disk() -> DiskSpace? {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { return nil }
        let size = Int64(clamping: status.f_frsize)
        return DiskSpace(
            size: ByteCount(size.multipliedReportingOverflow(by: Int64(clamping: status.f_blocks)).partialValue),
            free: ByteCount(size.multipliedReportingOverflow(by: Int64(clamping: status.f_bavail)).partialValue))
    }

    private func lines(of path: String) -> [Substring]? {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        guard let above = try? Directory.open((root == "/" ? "" : root) + "/" + path[..<slash]),
            let file = try? above.openFile(String(path[path.index(after: slash)...]))
        else { return nil }
        // Files of /proc say that they are empty: they are read until nothing comes.
        var bytes: [UInt8] = []
        while let piece = try? file.read(upTo: 1 << 18), !piece.isEmpty {
            bytes += piece
            guard bytes.count <= Self.statusMax.value else { return nil }
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    private static func text<Tuple>(_ tuple: inout Tuple) -> String {
        withUnsafeBytes(of: &tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
