import Glibc
import ReleaseDefinition
import TestSupport
import Testing

@testable import Effects

@Suite("The service manager is told by datagrams")
struct ServiceManagerTests {
    /// A datagram socket as systemd's, and what it hears.
    private struct Manager {
        let descriptor: Int32

        init(path: String) throws {
            descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(descriptor >= 0 && bound == 0)
        }

        /// What lies in the queue; nil where nothing does.
        func hear() -> String? {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
        }
    }

    @Test("An entry of the journal is in its native form; a value of several lines has its length before it")
    func journal() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/journal"
        let manager = try Manager(path: path)
        defer { close(manager.descriptor) }
        let id = JournalMessage.locked.rawValue
        #expect(SystemJournal(socket: path).take([("MESSAGE", "one\ntwo"), ("MESSAGE_ID", id)]))
        #expect(manager.hear() == "MESSAGE\n\u{7}\0\0\0\0\0\0\0one\ntwo\nMESSAGE_ID=\(id)\n")
        #expect(!SystemJournal(socket: folder.path + "/none").take([("MESSAGE", "x")]), "nobody listens there")
        #expect(SystemJournal.ofThisProcess() == nil, "stderr of a test leads elsewhere")
    }

    @Test("Each message that the programs give an identifier is explained in a catalogue, with a command to type next")
    func catalogue() throws {
        let folder =
            "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/packaging/debian"
        let files = try Directory.open(folder)
        let text = try files.list().filter { $0.name.hasSuffix(".catalog") }.map {
            String(decoding: try files.read($0.name, sizeMax: ByteCount(1 << 20)), as: UTF8.self)
        }.joined(separator: "\n")
        let entries = text.split(separator: "\n-- ").dropFirst()
        let explained = entries.map { String($0.prefix { $0 != "\n" }) }
        #expect(explained.sorted() == JournalMessage.allCases.map(\.rawValue).sorted())
        for entry in entries {
            #expect(entry.contains("\nSubject: ") && entry.contains("Next"), "\(entry)")
            #expect(entry.contains("\n    slipway"), "\(entry)")
        }
    }

    @Test("Ready, stopping and the watchdog arrive as sd_notify(3) says; a status is one line")
    func words() async throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/notify"
        let manager = try Manager(path: path)
        defer { close(manager.descriptor) }
        let service = try #require(
            ServiceManager(socket: path, watchdog: "30000000", process: String(getpid()), own: getpid()))
        service.ready("listening\nWATCHDOG=trigger")
        #expect(manager.hear() == "READY=1\nSTATUS=listening WATCHDOG=trigger")
        service.stopping()
        #expect(manager.hear() == "STOPPING=1")

        let time = ManualTime(now: try UTCInstant("2026-11-20T09:00:00Z"))
        let feeding = Task { await service.keepWatchdog(time) {} }
        for _ in 0..<3 {
            await time.untilSleeping(1)
            #expect(manager.hear() == "WATCHDOG=1")
            #expect(manager.hear() == nil)
            time.advance(by: .seconds(10))
        }
        await time.untilSleeping(1)
        feeding.cancel()
        await feeding.value
    }

    @Test("A watchdog is not fed while the work does not answer")
    func hanging() async throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/notify"
        let manager = try Manager(path: path)
        defer { close(manager.descriptor) }
        let service = try #require(ServiceManager(socket: path, watchdog: "3000000", process: nil, own: 1))
        let time = ManualTime(now: try UTCInstant("2026-11-20T09:00:00Z"))
        let (asked, isAsked) = AsyncStream.makeStream(of: Void.self)
        let feeding = Task {
            await service.keepWatchdog(time) {
                isAsked.yield()
                // Hangs until cancelled.
                try? await time.sleep(for: .days(1))
            }
        }
        for await _ in asked { break }
        await time.untilSleeping(1)
        time.advance(by: .seconds(10))
        #expect(manager.hear() == nil)
        feeding.cancel()
        await feeding.value
    }

    @Test(
        "Where nobody listens nothing is said",
        arguments: [nil, "", "relative/path", "/" + String(repeating: "x", count: 107)])
    func nobody(socket: String?) {
        #expect(ServiceManager(socket: socket, watchdog: nil, process: nil, own: 1) == nil)
    }

    @Test("A watchdog is that of the process it names, and a number above zero", arguments: ["7", "x", "-1", "0"])
    func anotherWatchdog(text: String) throws {
        let service = ServiceManager(
            socket: "@nobody", watchdog: text == "7" ? "1000000" : text, process: text == "7" ? "7" : nil, own: 1)
        let named = try #require(service)
        #expect(named.watchdog == nil)
        // The socket does not exist: said to nobody, and no harm done.
        named.ready("ready")
    }
}
