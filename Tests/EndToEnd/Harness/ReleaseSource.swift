/// Release folders of the example service for a test's own story.
struct ReleaseSource {
    var version: String
    /// 1.0 is major, 1.1 minor, 1.0.1 emergency: the numbering rule.
    var category: String {
        let parts = version.split(separator: ".").map(String.init)
        return parts.count == 3 ? "emergency" : (parts.last == "0" ? "major" : "minor")
    }
    /// Lines of the unit beside the usual ones, as `hooks: { preStart: hooks/check, timeout: 2s }`.
    var unitLines: [String] = []
    /// More files, by path in the release folder; a `hooks/` file is made executable.
    var files: [String: String] = [:]

    static func example(_ name: String) -> String { Files.root + "/examples/web-service/" + name }

    /// - Returns: the folder.
    func write(below base: String) throws -> String {
        let folder = Files.unique("\(base)/release-\(version)")
        let lines = unitLines.map { "    \($0)\n" }.joined()
        try Files.write(
            folder + "/release.yaml",
            """
            product: web-service
            version: "\(version)"
            category: \(category)
            summary: A release of a test
            owner: tests
            units:
              - name: web
                type: tree
                source: ./service
                installTo: /opt/web-service
                service: { command: [bin/serve] }
                health:
                  - { http: "http://127.0.0.1:${PORT}/healthz", status: 200, every: 100ms, timeout: 1s, startPeriod: 15s, failures: 3 }
                minimumHealthy: 300ms
                healthyDeadline: 60s
            \(lines)
            """)
        let example = Self.example("v1/service")
        for path in Files.walk(example) {
            let isProgram = path.hasPrefix("bin/")
            try Files.write(
                "\(folder)/service/\(path)", Files.bytes("\(example)/\(path)"), mode: isProgram ? 0o755 : 0o644)
        }
        try Files.write(folder + "/service/VERSION", version + "\n")
        for (path, text) in files {
            let isProgram = path.hasPrefix("hooks/") || path.contains("/bin/")
            try Files.write("\(folder)/\(path)", text, mode: isProgram ? 0o755 : 0o644)
        }
        return folder
    }
}

/// Rollout files of a test.
enum RolloutSource {
    /// - Parameter more: lines that follow.
    static func write(
        _ release: String, phases: String? = nil, environment: String = "staging", limits: String = "",
        more: String = "",
        below base: String
    ) throws -> String {
        let path = Files.unique(base + "/rollout") + ".yaml"
        let strategy = phases.map { "strategy: phased\nphases: \($0)" } ?? "strategy: bigBang"
        try Files.write(
            path,
            """
            release: \(release)
            environment: \(environment)
            hosts: all
            \(strategy)
            limits: { parallelism: 100%, offlineGrace: 30s, progressDeadline: 2m\(limits) }
            \(more)

            """)
        return path
    }
}
