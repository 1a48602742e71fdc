import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging

/// What somebody wants to be the baseline of a product.
struct Adoption: Sendable {
    /// The folder, below the host's root.
    var installTo: String
    var name: ReleaseName
    var unit: UnitName
    var systemd: String?
    var persistent: [String]
}

extension Agent {
    /// Indexes what is there, then moves it behind a link by swaps of names, so that the path leads to the same files at
    /// every moment. May be repeated after a crash.
    /// - Throws: `agent.adopt.there`: the product has a release already, or the path is no folder.
    func adopt(_ adoption: Adoption) async throws -> HostRelease {
        let product = adoption.name.product
        guard host.installation == nil, host.record(of: product).current == nil else {
            throw AgentError(
                code: "adopt.there", summary: "This host has a release of \(product) already.",
                remedy: "slipway-agent status shows it; what is adopted comes before the first release.")
        }
        let layout = try UnitLayout(installTo: adoption.installTo, root: configuration.root)
        let release: HostRelease
        if let half = try found(adoption, layout) {
            release = half
        } else {
            release = try await keep(adoption, layout).release
            try Swaps(layout: layout, folder: release.folder).begin()
        }
        try Swaps(layout: layout, folder: release.folder).finish(persistent: adoption.persistent)
        try record([.adopted(release: release)])
        return release
    }

    /// A run that was killed after its first swap.
    private func found(_ adoption: Adoption, _ layout: UnitLayout) throws -> HostRelease? {
        guard let parent = try layout.openParent(), try parent.status(layout.name)?.kind == .symlink else { return nil }
        let folder = try layout.current()
        guard let release = try store.all().first(where: { $0.name == adoption.name && $0.folder == folder }) else {
            throw AgentError(
                code: "adopt.there", summary: "\(layout.path) is a link, not a folder.",
                remedy: "Name the folder itself.")
        }
        return release
    }

    /// Manifest and index of what is there, as for any release.
    private func keep(_ adoption: Adoption, _ layout: UnitLayout) async throws -> StoredRelease {
        guard let parent = try layout.openParent(), try parent.status(layout.name)?.kind == .directory else {
            throw AgentError(
                code: "adopt.there", summary: "\(layout.path) is no folder.", remedy: "Name the folder that is in use.")
        }
        let source = try layout.freshStaging()
        try Self.link(parent.directory(layout.name), into: source, except: Set(adoption.persistent), at: "")
        let blobs = try folder.base.createDirectory("adopting", mode: 0o700)
        defer {
            try? folder.base.removeTree("adopting")
            try? layout.dropStaging()
        }
        let unit = UnitDefinition(
            name: adoption.unit, source: UnitLayout.stagingName, installTo: adoption.installTo,
            persistent: adoption.persistent,
            service: adoption.systemd.map { .systemd(SystemdService(unit: $0)) }, minimumHealthy: .seconds(1),
            attributes: try Attributes.of(source))
        let definition = ReleaseDefinition(
            product: adoption.name.product, version: adoption.name.version, category: .major,
            summary: "What ran here before Slipway", owner: "adopted", units: [unit])
        let store = BlobStore(blobs, .scratch)
        let built = try await PackageBuilder.build(
            definition, from: layout.releases(), into: store, sourceDate: time.now(), level: 1)
        return try self.store.keep(built.manifest, bytes: built.manifestBytes, blobs: store)
    }

    /// Second names for all files, so that indexing sees them without what is data.
    private static func link(
        _ source: Directory, into target: Directory, except: Set<String>, at prefix: String
    ) throws {
        for entry in try source.list() where !except.contains(prefix + entry.name) {
            switch entry.kind {
            case .directory:
                guard let status = try source.status(entry.name) else { continue }
                let made = try target.createDirectory(entry.name, mode: status.mode)
                _ = fchown(made.descriptor, status.ownerID, status.groupID)
                try made.setMode(status.mode)
                try link(
                    source.directory(entry.name), into: made, except: except, at: prefix + entry.name + "/")
            case .symlink: try target.createSymlink(entry.name, to: source.readLink(entry.name))
            case .file: try target.hardLink(entry.name, from: source, entry.name)
            case .other: break
            }
        }
    }
}

/// From a folder to a link, so that the path always leads to the files:
/// `payments` ⇄ a link to `payments.releases/R`, which is a link back to where the folder then is; then that link ⇄ the folder.
///
/// Links are followed one after the other: somebody may have read the link at R before the second swap, and go where it led to
/// after it. So it says `way`, a name that leads to the files from where the link was and from where it then is. The links stay
/// for whoever is under way, until the next release is staged.
private struct Swaps {
    var layout: UnitLayout
    var folder: String

    private var aside: String { layout.adoptedName }
    private var way: String { layout.adoptedWayName }
    private var innerWay: String { layout.releasesName + "/" + way }
    private var place: String { layout.releasesName + "/" + folder }

    func begin() throws {
        let parent = try layout.makeParent()
        for name in [aside, way, innerWay, place] { try parent.removeTree(name) }
        try parent.createSymlink(innerWay, to: "../" + aside)
        try parent.createSymlink(way, to: place)
        try parent.createSymlink(place, to: way)
        try parent.directory(layout.releasesName).sync()
        try parent.createSymlink(aside, to: place)
        try parent.exchange(layout.name, with: aside)
    }

    func finish(persistent: [String]) throws {
        let parent = try layout.makeParent()
        if try parent.status(place)?.kind == .symlink { try parent.exchange(place, with: aside) }
        for path in persistent { try share(path, parent) }
        try parent.sync()
    }

    /// Data goes to the folder of all releases, and a link to it stands in its place.
    private func share(_ path: String, _ parent: Directory) throws {
        let shared = try parent.createDirectory(layout.persistentName)
        let inside = place + "/" + path
        guard try parent.status(inside)?.kind == .directory else { return }
        let parts = path.split(separator: "/")
        if parts.count > 1 { _ = try shared.createDirectory(parts.dropLast().joined(separator: "/")) }
        let up = Array(repeating: "..", count: parts.count + 1).joined(separator: "/")
        let target = layout.persistentName + "/" + path
        guard try parent.status(target)?.kind != .directory else {
            throw AgentError(
                code: "adopt.there", summary: "\(layout.persistentPath)/\(path) is there already.",
                remedy: "Move it away, or leave \(path) out of --persistent.")
        }
        try parent.removeFile(target)
        try parent.createSymlink(target, to: up + "/" + target)
        try parent.exchange(inside, with: target)
    }
}

/// Modes and owners that differ from what a package has without saying so.
private enum Attributes {
    static func of(_ tree: Directory, at prefix: String = "") throws -> [PathAttribute] {
        var found: [PathAttribute] = []
        for entry in try tree.list() where entry.kind != .symlink {
            guard let status = try tree.status(entry.name) else { continue }
            let path = prefix + entry.name
            let usual: UInt16 = entry.kind == .directory || status.mode & 0o111 != 0 ? 0o755 : 0o644
            let attribute = PathAttribute(
                path: path, mode: status.mode == usual ? nil : status.mode & 0o777,
                owner: status.ownerID == 0 ? nil : try user(status.ownerID, path),
                group: status.groupID == 0 ? nil : try group(status.groupID, path))
            if attribute != PathAttribute(path: path) { found.append(attribute) }
            if entry.kind == .directory { found += try of(tree.directory(entry.name), at: path + "/") }
        }
        return found
    }

    private static func user(_ number: UInt32, _ path: String) throws -> String {
        var (record, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        getpwuid_r(number, &record, &buffer, buffer.count, &found)
        guard found != nil, let name = record.pw_name else { throw unknown("user", number, path) }
        return String(cString: name)
    }

    private static func group(_ number: UInt32, _ path: String) throws -> String {
        var (record, found) = (Glibc.group(), UnsafeMutablePointer<Glibc.group>?.none)
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        getgrgid_r(number, &record, &buffer, buffer.count, &found)
        guard found != nil, let name = record.gr_name else { throw unknown("group", number, path) }
        return String(cString: name)
    }

    private static func unknown(_ kind: String, _ number: UInt32, _ path: String) -> AgentError {
        AgentError(
            code: "adopt.account", summary: "\(path) belongs to the \(kind) \(number), who has no name on this host.",
            remedy: "Make the \(kind), or change the owner, then adopt again.")
    }
}
