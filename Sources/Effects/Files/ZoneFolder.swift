import FoundationEssentials
import Glibc
import ReleaseDefinition

/// The system's folder of time zones, as the package tzdata makes it.
public enum ZoneFolder {
    private static let path = "/usr/share/zoneinfo"

    /// - Throws: `definition.zone…` for a file that is none, `effects.zone.unknown` for a name that is not there.
    public static func rules(_ name: String) throws -> ZoneRules {
        if name == "UTC" { return .utc }
        let unknown = EffectsError(
            code: "zone.unknown", summary: "There is no time zone \(name.debugDescription) in \(path).",
            remedy: "Write an IANA name as Europe/Berlin; install the package tzdata if the name is right.")
        guard MaintenanceWindow.isZoneName(name), let file = file(of: name) else { throw unknown }
        let (folder, last) = Directory.split(file)
        do {
            return try ZoneRules(name: name, file: Directory.open(folder).read(last, sizeMax: ByteCount(1 << 20)))
        } catch let error as EffectsError {
            throw EffectsError(
                code: unknown.code, summary: unknown.summary, remedy: unknown.remedy, cause: error.summary)
        }
    }

    /// What there is, for a reader that names the nearest; empty where the package tzdata is missing.
    public static var names: [String] {
        var names: [String] = []
        func collect(_ folder: String, beneath depth: Int) {
            let prefix = folder == "." ? "" : folder + "/"
            for entry in (try? Directory.open(path).list(folder)) ?? [] {
                guard !entry.name.contains("."), entry.name.first?.isUppercase == true else { continue }
                switch entry.kind {
                case .directory where depth > 0: collect(prefix + entry.name, beneath: depth - 1)
                case .file, .symlink: names.append(prefix + entry.name)
                default: break
                }
            }
        }
        collect(".", beneath: 2)
        return names
    }

    /// Of all windows of a policy.
    /// - Throws: as `rules(_:)`.
    public static func rules(of policy: ReleasePolicy) throws -> [String: ZoneRules] {
        let names = Set(policy.windows.map(\.window.zone) + policy.busy.map(\.window.zone))
        return Dictionary(uniqueKeysWithValues: try names.sorted().map { ($0, try rules($0)) })
    }

    /// Old names are links to new ones, within the folder.
    private static func file(of name: String) -> String? {
        guard let real = realpath("\(path)/\(name)", nil) else { return nil }
        defer { free(real) }
        let target = String(cString: real)
        return target.hasPrefix(path + "/") ? target : nil
    }
}
