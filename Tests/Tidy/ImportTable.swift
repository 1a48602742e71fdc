/// Who may import whom. A module that is not here may import nothing, so that a new one is thought about.
struct ImportRow {
    /// Our modules.
    var ours: Set<String>
    /// System and library modules, beyond those that are free to every module of its kind.
    var libraries: Set<String> = []
    /// Deterministic: no files, clocks, network, processes, randomness.
    var isPure = false
    /// The agent must stay small: FoundationEssentials, never Foundation.
    var isInAgent = true
}

enum ImportTable {
    private static let client: Set<String> = [
        "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL",
    ]
    private static let certificates: Set<String> = ["Crypto", "SwiftASN1", "X509"]
    private static let server: Set<String> = [
        "CPostgres", "GRDB", "HTTPTypes", "Hummingbird", "HummingbirdCore", "HummingbirdTLS",
        "JWTKit", "Metrics", "Mustache", "NIOCore", "NIOHTTPTypes", "NIOPosix", "NIOSSL", "ServiceLifecycle",
    ]

    static let rows: [String: ImportRow] = [
        // COpenSSL: docs/decisions/0001.
        "ReleaseDefinition": ImportRow(ours: [], libraries: ["COpenSSL"], isPure: true),
        "Effects": ImportRow(ours: ["ReleaseDefinition"], libraries: client.union(["COpenSSL", "CSystemShims"])),
        "DefinitionFiles": ImportRow(ours: ["ReleaseDefinition"], libraries: ["Yams"], isPure: true),
        "AgentProtocol": ImportRow(ours: ["ReleaseDefinition"], isPure: true),
        "ControllerAPI": ImportRow(ours: ["ReleaseDefinition", "AgentProtocol", "Effects"]),
        "ReleasePackaging": ImportRow(
            ours: ["ReleaseDefinition", "Effects"], libraries: ["COpenSSL", "CDeflate", "CZstd"]),
        "ForeignArchives": ImportRow(
            ours: ["ReleaseDefinition", "Effects", "ReleasePackaging"], libraries: ["CArchive", "COpenSSL", "CZlib"],
            isInAgent: false),
        "ReleaseTrust": ImportRow(ours: ["ReleaseDefinition"], libraries: ["COpenSSL"], isPure: true),
        "ReleaseDistribution": ImportRow(
            ours: ["ReleaseDefinition", "ReleasePackaging", "ReleaseTrust", "Effects"]),
        "ReleaseRollout": ImportRow(ours: ["ReleaseDefinition", "AgentProtocol"], isPure: true),
        "ReleaseLifecycle": ImportRow(ours: ["ReleaseDefinition"], isPure: true, isInAgent: false),
        "ReleaseReporting": ImportRow(
            ours: ["ReleaseDefinition", "AgentProtocol", "ReleaseRollout", "ReleaseLifecycle"], isPure: true,
            isInAgent: false),
        "ReleaseSimulation": ImportRow(
            ours: ["ReleaseDefinition", "AgentProtocol", "ReleaseRollout"], isPure: true, isInAgent: false),
        "agent": ImportRow(
            ours: [
                "ReleaseDefinition", "AgentProtocol", "ReleasePackaging", "ReleaseTrust", "ReleaseDistribution",
                "Effects",
            ],
            libraries: ["ArgumentParser"]),
        "agent/main": ImportRow(ours: ["AgentLibrary"], libraries: ["ArgumentParser"]),
        "controller": ImportRow(
            ours: [
                "ReleaseDefinition", "DefinitionFiles", "AgentProtocol", "ControllerAPI", "ReleasePackaging",
                "ForeignArchives", "ReleaseTrust", "ReleaseDistribution", "ReleaseRollout", "ReleaseLifecycle",
                "ReleaseReporting", "Effects",
            ],
            libraries: server.union(certificates).union(["ArgumentParser"]), isInAgent: false),
        "controller/main": ImportRow(ours: ["ControllerLibrary"], libraries: ["ArgumentParser"], isInAgent: false),
        "slipway": ImportRow(
            ours: [
                "ReleaseDefinition", "DefinitionFiles", "AgentProtocol", "ControllerAPI", "ReleasePackaging",
                "ForeignArchives", "ReleaseTrust", "ReleaseDistribution", "ReleaseRollout", "ReleaseSimulation",
                "ReleaseLifecycle", "ReleaseReporting", "Effects",
            ],
            libraries: ["ArgumentParser"], isInAgent: false),
    ]

    private static let freeToPure: Set<String> = ["FoundationEssentials"]
    /// Synchronization is the standard library's.
    private static let freeToAll: Set<String> = freeToPure.union([
        "Glibc", "Logging", "Synchronization", "SystemPackage",
    ])

    static func check(_ file: SourceFile) -> [Violation] {
        guard let module = file.module else { return [] }
        return imports(of: file).compactMap { line, name in
            violation(of: module, importing: name).map { Violation(path: file.path, line: line, message: $0) }
        }
    }

    private static func violation(of module: String, importing name: String) -> String? {
        guard let row = rows[module] else {
            return "\(module) imports \(name) and has no row: add one to Tests/Tidy/ImportTable.swift."
        }
        if name == "Foundation" {
            guard row.isInAgent else { return nil }
            return "\(module) imports Foundation, and the agent links it: import FoundationEssentials."
        }
        let free = row.isPure ? freeToPure : freeToAll
        let allowed = row.ours.union(row.libraries).union(free)
        guard !allowed.contains(name) else { return nil }
        let kind = row.isPure ? "\(module) (pure)" : module
        return "\(kind) imports \(name); it may import \(allowed.sorted().joined(separator: ", "))."
    }

    /// Every module named after `import`, whatever attributes, access level, kind or submodule stand with it.
    static func imports(of file: SourceFile) -> [(line: Int, name: String)] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "typealias", "let", "var", "actor"]
        var found: [(Int, String)] = []
        for (index, line) in file.codeLines.enumerated() {
            for statement in line.split(separator: ";") {
                var words = statement.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
                guard let position = words.firstIndex(of: "import"),
                    words[..<position].allSatisfy({ $0.hasPrefix("@") || Self.accessLevels.contains($0) })
                else { continue }
                words = words[(position + 1)...]
                if let kind = words.first, kinds.contains(kind) { words = words.dropFirst() }
                guard let name = words.first?.split(separator: ".").first else { continue }
                found.append((index + 1, String(name)))
            }
        }
        return found
    }

    private static let accessLevels: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
}
