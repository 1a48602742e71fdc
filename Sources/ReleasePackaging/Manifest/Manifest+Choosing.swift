import Effects
import Glibc
import ReleaseDefinition

extension Manifest {
    /// What a host takes of the release: of each unit the variant for it, of the values those of its environment. Only for
    /// reading: bytes and digest are the whole manifest's, which the caller keeps.
    /// - Parameters:
    ///   - platform: asked for where a unit has variants; most releases have none, and an agent reads a manifest often.
    ///   - environment: nil keeps the values of all.
    /// - Throws: `packaging.manifest.variant`: a unit has nothing for this host. Nothing is installed then.
    public func chosen(
        for platform: @autoclosure () throws -> HostPlatform, in environment: EnvironmentName? = nil
    ) throws -> Manifest {
        var chosen = self
        if units.contains(where: { $0.variant != nil }) {
            let host = try platform()
            chosen.units = try units.filter { unit in
                guard let variant = unit.variant else { return true }
                let variants = units.filter { $0.name == unit.name }.compactMap(\.variant)
                guard let best = host.choose(from: variants) else {
                    throw Self.noVariant(of: unit.name, variants, host)
                }
                return variant == best
            }
        }
        if let environment { chosen.values = values.filter { $0.environment == environment } }
        return chosen
    }

    private static func noVariant(
        of unit: UnitName, _ variants: [VariantName], _ platform: HostPlatform
    ) -> PackagingError {
        PackagingError(
            code: "manifest.variant",
            summary:
                "The unit \(unit) is there for \(variants.map(\.description).joined(separator: ", ")), and this host"
                + " is \(platform).",
            remedy:
                "Nothing of it is installed. Build a release with a variant for \(platform.architecture), or leave this"
                + " host out.")
    }
}

extension HostPlatform {
    /// This host, by uname(2) and os-release(5).
    /// - Throws: os-release is there and cannot be read: without it the wrong variant would be chosen.
    public static func current() throws -> HostPlatform {
        var names = utsname()
        uname(&names)
        let machine = withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let root = try Directory.open("/")
        // In most systems the first is a link to the second, and links are not followed here.
        for path in ["etc/os-release", "usr/lib/os-release"] where try root.status(path)?.kind == .file {
            return HostPlatform(machine: machine, osRelease: try root.read(path, sizeMax: ByteCount(1 << 16)))
        }
        return HostPlatform(machine: machine, osRelease: [])
    }
}
