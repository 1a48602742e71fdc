import Effects
import ReleaseDefinition

/// What the network half, which may read nothing of the agent's folder, knows of releases of the agent: the link that the
/// root half switches.
struct ProgramLink: Sendable {
    /// The release that this process is; nil: the program that the host came with.
    let running: String?
    /// That program.
    let base: String?
    private let environment: [String: String]

    init() {
        environment = ProgramImage.environment()
        running = environment[ProgramLauncher.releaseVariable]
        base = environment[ProgramLauncher.baseVariable] ?? ProgramImage.path()
    }

    /// Goes on as the program of the release that the link shows; returns where there is none, or it is older than this one.
    func handOver() {
        guard running == nil, let base, let wanted else { return }
        var next = environment
        next[ProgramLauncher.releaseVariable] = wanted
        next[ProgramLauncher.baseVariable] = base
        let program = SelfUpdate.place + ".releases/" + wanted + "/" + AgentRelease.programName
        do {
            try ProgramImage.replace(
                by: program, arguments: Array(CommandLine.arguments.dropFirst()), environment: next)
        } catch {
            FileHandleOutput.standardError("slipway-agent: \(ReportedError(error))\n")
        }
    }

    var isOutOfPlace: Bool { wanted != running }

    private var wanted: String? {
        guard let layout = try? UnitLayout(installTo: SelfUpdate.place, root: "/"),
            let folder = try? layout.current(), let dash = folder.lastIndex(of: "-"),
            let version = try? ReleaseVersion(String(folder[..<dash])),
            let own = try? ReleaseVersion(SlipwayVersion.text)
        else { return nil }
        // A release that runs compares itself with itself.
        return running != nil || version >= own ? folder : nil
    }
}
