import Effects
import Glibc
import Synchronization

/// TCP ports on loopback that nobody listens on, below the range that the system hands out by itself.
public enum Ports {
    private static let next = Mutex(18_000 + Int(getpid()) * 97 % 13_000)

    /// Free a moment ago, and given to nobody else of this process.
    public static func free() throws -> Int {
        for _ in 0..<2000 {
            let port = next.withLock { value in
                value = value >= 32_000 ? 18_000 : value + 1
                return value
            }
            if isFree(port) { return port }
        }
        throw EffectsError(code: "test.port", summary: "There is no free port.", remedy: "None.")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
