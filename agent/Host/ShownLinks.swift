import AgentProtocol
import ReleaseDefinition
import ReleasePackaging

/// What the links of a product's units show. Looked at where nothing else can be relied upon: after a way back that was
/// cut short some units may show one release and some the other.
public struct ShownLinks: Sendable, Equatable, Codable {
    /// The release that all of its units' links show; where they disagree, the first of those asked for that any link
    /// shows. nil: nothing of the product is there.
    public var release: HostRelease?
    /// What each unit's link shows, where that is not one whole release; nil: it is, or nothing is there.
    public var words: String?

    public init(release: HostRelease?, words: String? = nil) {
        self.release = release
        self.words = words
    }

    /// Never throws: what cannot be read is said in the words.
    /// - Parameter candidates: of one product; in doubt the first of them is taken.
    init(_ candidates: [HostRelease], in store: ReleaseStore) {
        let known = candidates.compactMap { try? store.stored($0) }
        var seen: [(name: UnitName, found: Link)] = []
        for stored in known {
            for unit in stored.manifest.units where !seen.contains(where: { $0.name == unit.name }) {
                seen.append((unit.name, Link(of: unit, in: stored, among: candidates)))
            }
        }
        let whole = known.first { stored in
            seen.allSatisfy { name, found in
                stored.manifest[unit: name] == nil ? found == .none : found == .shows(stored.release)
            }
        }
        if let whole {
            self.init(release: whole.release)
        } else if !seen.isEmpty, seen.allSatisfy({ $0.found == .none }) {
            self.init(release: nil)
        } else {
            let shown = candidates.first { one in seen.contains { $0.found.release == one } }
            let words = seen.map { "\($0.name) \($0.found.words)" }.joined(separator: ", ")
            self.init(
                release: shown ?? candidates.first, words: seen.isEmpty ? "no manifest of it can be read" : words)
        }
    }

    /// One unit's.
    private enum Link: Equatable {
        case none
        case shows(HostRelease)
        case gone(HostRelease)
        case other(String)

        init(of unit: ManifestUnit, in stored: StoredRelease, among candidates: [HostRelease]) {
            do {
                let layout = try stored.layout(unit)
                guard let folder = try layout.current() else {
                    self = .none
                    return
                }
                guard let release = candidates.first(where: { $0.folder == folder }) else {
                    self = .other("shows \(folder)")
                    return
                }
                self = try layout.tree(folder) == nil ? .gone(release) : .shows(release)
            } catch {
                self = .other("cannot be read: \(ReportedError(error).summary)")
            }
        }

        var release: HostRelease? {
            switch self {
            case .shows(let release), .gone(let release): release
            case .none, .other: nil
            }
        }

        var words: String {
            switch self {
            case .none: "is not there"
            case .shows(let release): "shows \(release.name.version)"
            case .gone(let release): "shows \(release.name.version), whose files are gone"
            case .other(let words): words
            }
        }
    }
}

extension ProductRecord {
    /// A way back failed: what runs now is what the links show, whatever was meant to.
    mutating func stand(on shown: ShownLinks, after task: InstallationTask, _ changes: [UnitChange], at now: UTCInstant)
    {
        let isOrdered = task.order.action == .backOut
        if isOrdered, let from = task.from, shown.release != from || shown.words != nil { note(from, .failed) }
        guard shown.release != current else { return }
        current = shown.release
        takeSlots(changes, isBack: isOrdered, task, at: now)
    }

    /// What runs, where it was proved healthy here; a release that a failed way back left is not.
    var proved: HostRelease? {
        current.flatMap { current in releases.contains { $0.release == current && $0.standing == .good } ? current : nil
        }
    }
}

extension HostState {
    /// The order whose way back failed, where nothing was proved healthy since; the product may have been unlocked.
    func unsettled(_ product: ProductName) -> FinishedOrder? {
        let last = finished.last { one in
            guard one.release.product == product else { return false }
            switch one.outcome {
            case .succeeded, .backedOut, .backOutFailed: return true
            case .alreadyCurrent, .failed, .skipped, .offline, .gone, .silent, .cancelled, .superseded: return false
            }
        }
        return last?.outcome == .backOutFailed ? last : nil
    }
}
