import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

/// Every hostile archive alone, and hidden among honest entries in ways that attackers use.
@Suite("A corpus of hostile archives")
struct HostileCorpusTests {
    /// What stands before the hostile entries and what behind them.
    private struct Setting {
        var name: String
        var before: @Sendable (inout TarForge) -> Void = { _ in }
        var after: (@Sendable (inout TarForge) -> Void)?
        var isFollowed: Bool { after != nil }
    }

    private static let settings: [Setting] = [
        Setting(name: "alone"),
        Setting(name: "behind a file", before: { $0.add("honest", content: [1]) }),
        Setting(
            name: "behind a file in a folder",
            before: {
                $0.add("honest/", type: "5")
                $0.add("honest/file", content: [1])
            }),
        Setting(
            name: "behind a link that stays inside",
            before: {
                $0.add("honest", content: [1])
                $0.add("link", type: "2", target: "honest")
            }),
        Setting(name: "before a file", after: { $0.add("honest", content: [1]) }),
        Setting(
            name: "between files", before: { $0.add("honest", content: [1]) },
            after: { $0.add("honester", content: [2]) }),
        Setting(
            name: "behind a file with a long name",
            before: {
                $0.pax([("path", String(repeating: "h", count: 120))])
                $0.add("h", content: [1])
            }),
    ]

    /// Only its end makes it hostile.
    private static let hostileAtTheEnd = "pax header at the end"

    @Test(
        "R49: of a corpus of 600 hostile archives each is refused, and the digest of the whole tree outside stays what it was"
    )
    func corpus() throws {
        let folder = try TemporaryFolder()
        let outside = try folder.directory.createDirectory("outside")
        _ = try outside.createDirectory("etc")
        try outside.writeDurably("etc/passwd", Array("root\n".utf8))
        try outside.writeDurably("program", Array("#!/bin/sh\n".utf8), mode: 0o755)
        try outside.createSymlink("link", to: "etc/passwd")
        try folder.directory.writeDurably("evil", Array("untouched".utf8))
        let before = try Self.digest(folder.directory)
        var count = 0
        for archive in HostileArchive.all {
            for setting in Self.settings {
                if archive.name == Self.hostileAtTheEnd, setting.isFollowed { continue }
                var (first, hostile, last) = (TarForge(), TarForge(), TarForge())
                setting.before(&first)
                archive.forge(&hostile)
                setting.after?(&last)
                last.end()
                let staging = try folder.directory.createDirectory("staging")
                let refusal = code {
                    try SourceArchive.extract(
                        first.bytes + hostile.bytes + last.bytes, into: staging, limits: HostileArchiveTests.limits)
                }
                #expect(refusal?.hasPrefix("packaging.") == true, "\(archive.name), \(setting.name)")
                try folder.directory.removeTree("staging")
                #expect(try Self.digest(folder.directory) == before, "\(archive.name), \(setting.name)")
                count += 1
            }
        }
        #expect(count >= 600, "\(count) archives")
        print("hostile archives: \(count)")
    }

    /// Of all that a file system says of a tree: names, kinds, modes, owners, times, links, contents.
    private static func digest(_ folder: Directory) throws -> SHA256Digest {
        var lines = try describe(folder)
        func look(_ path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return }
            lines.append(
                "\(path) \(status.st_mode) \(status.st_uid) \(status.st_gid) \(status.st_nlink) \(status.st_ino) "
                    + "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)")
        }
        func walk(_ directory: Directory, _ path: String) throws {
            for entry in try directory.list() {
                look(path + "/" + entry.name)
                if entry.kind == .directory { try walk(directory.directory(entry.name), path + "/" + entry.name) }
            }
        }
        try walk(folder, folder.path)
        return SHA256Digest(of: Array(lines.joined(separator: "\n").utf8))
    }
}
