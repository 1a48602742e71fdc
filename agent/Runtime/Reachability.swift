import Effects
import ReleaseDefinition

/// Whom this host must still be able to reach after a switch, and whether it can.
struct Reachability: Sendable {
    static let timeout = TimeSpan.seconds(3)
    static let pause = TimeSpan.seconds(2)

    var configuration: AgentConfiguration
    var time: any TimeDoor
    var ask: @Sendable (String, TimeSpan) async throws -> TCPReach.Answer

    /// `host:port` of controller, repository, mirrors and what agent.json names under `confirm`, each once; of the proxy
    /// instead of those that are asked through it.
    var addresses: [String] {
        var found: [String] = []
        let urls =
            [configuration.controller, configuration.repository].compactMap(\.self) + (configuration.mirrors ?? [])
        let proxy = try? configuration.proxy?.unauthenticated()
        let own = urls.compactMap { proxy?.serves($0) == true ? proxy?.address : Self.address($0) }
        for address in own + (configuration.confirm ?? []) where !found.contains(address) {
            found.append(address)
        }
        return found
    }

    /// Those of them that a connection reaches now. One that is refused was reached: the network is what is asked about.
    func reachable(among addresses: [String]) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for address in addresses {
                group.addTask { await isReachable(address) ? address : nil }
            }
            var found: Set<String> = []
            for await address in group { if let address { found.insert(address) } }
            return addresses.filter(found.contains)
        }
    }

    /// Returns once one of them was reached by a fresh connection; the installation's deadline ends the wait.
    func awaitOne(of addresses: [String]) async throws {
        while await reachable(among: addresses).isEmpty { try await time.sleep(for: Self.pause) }
    }

    private func isReachable(_ address: String) async -> Bool {
        guard let answer = try? await ask(address, Self.timeout) else { return false }
        if case .unreachable = answer { return false }
        return true
    }

    /// `https://controller.example:8443/x` is `controller.example:8443`.
    static func address(_ url: String) -> String? {
        let parts = url.split(separator: "://", maxSplits: 1).map(String.init)
        guard parts.count == 2, let port = ["https": "443", "http": "80"][parts[0]] else { return nil }
        let authority = String(parts[1].prefix { $0 != "/" && $0 != "?" })
        let afterBracket = authority.split(separator: "]").last ?? ""
        let hasPort = authority.hasPrefix("[") ? afterBracket.hasPrefix(":") : authority.contains(":")
        return hasPort ? authority : authority + ":" + port
    }
}
