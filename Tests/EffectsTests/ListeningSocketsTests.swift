import Glibc
import ReleaseDefinition
import TestSupport
import Testing

@testable import Effects

@Suite("Who listens where")
struct ListeningSocketsTests {
    @Test("A line of the kernel's table is a place; one that does not listen is none")
    func lines() {
        let four =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 4711 1 0 100 0 0 10 0"
        #expect(ListeningSockets.entry(four[...]) == .init(place: "127.0.0.1:8080", port: 8080, inode: "4711"))
        let six =
            "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 "
            + "00:00000000 00000000 0 0 4712 1 0 100 0 0 10 0"
        #expect(ListeningSockets.entry(six[...]) == .init(place: "[::1]:80", port: 80, inode: "4712"))
        #expect(ListeningSockets.entry(four.replacing(" 0A ", with: " 01 ")[...]) == nil)
        #expect(ListeningSockets.entry("  sl  local_address rem_address   st tx_queue rx_queue") == nil)
    }

    @Test("A service's own port is found, and who holds a port that is asked for")
    func real() async throws {
        let port = try Ports.free()
        let folder = try TemporaryFolder()
        let service = try LiveProcesses().startService(
            ProcessCommand(
                executable: "/usr/bin/python3",
                arguments: [
                    "-c",
                    "import socket,time; s=socket.create_server(('127.0.0.1',\(port))); open('up','w'); time.sleep(600)",
                ], workingDirectory: folder.path, timeout: .minutes(10)), log: folder.path + "/log")
        try await eventually { try folder.directory.status("up") != nil }
        #expect(ListeningSockets.places(of: service) == ["127.0.0.1:\(port)"])
        let holder = try #require(ListeningSockets.holder(of: UInt16(port)))
        #expect(holder.processID == service.processID && holder.name.hasPrefix("python3"))
        try await LiveProcesses().stopService(service, grace: .seconds(2))
        #expect(ListeningSockets.places(of: service) == [])
        #expect(ListeningSockets.holder(of: UInt16(port)) == nil)
    }
}
