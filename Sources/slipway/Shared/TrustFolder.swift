import ArgumentParser
import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust

/// What the person at this machine believes: a pinned root and the metadata that followed from it. The controller can
/// put nothing into it that the keys did not sign.
struct TrustOptions: ParsableArguments {
    @Option(
        help:
            "Folder of your own with the metadata that you trust; ~/.local/state/slipway/trust/HOST-PORT unless given.")
    var trust: String?

    @Option(help: "The first root (root.json of slipway init), believed from now on; needed once.")
    var root: String?

    /// Opens the folder; pins the root where there is none yet.
    /// - Throws: `command.trust.root` where there is none and none is given. The controller's own is never taken: whoever
    ///   holds the controller could name any.
    func open(_ client: ControllerClient) throws -> Directory {
        let path = try trust ?? Self.usual(client.baseURL)
        let folder = try Directory.create(path, mode: 0o700)
        if try folder.status("root.json") != nil {
            if root != nil { Talk.say("\(path) has a pinned root already: --root is not read.") }
            return folder
        }
        guard let source = root else {
            throw CommandError(
                code: "trust.root",
                summary: "\(path) holds no root to believe, and the controller's word is not taken.",
                remedy:
                    "Give the root.json that you were handed (slipway init --offline-keys wrote it), once: --root FILE")
        }
        let bytes = try InputFile.read(source, sizeMax: TrustLimits.rootSizeMax)
        try MetadataClient.pin(root: bytes, in: folder)
        Talk.say("Pinned the root \(SHA256Digest(of: bytes).hex) of \(source) in \(path).")
        return folder
    }

    private static func usual(_ url: String) throws -> String {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        let base = variable("XDG_STATE_HOME") ?? variable("HOME").map { "\($0)/.local/state" }
        guard let base else { throw ValidationError("There is no HOME: name a folder of your own with --trust DIR.") }
        let address = url.drop { $0 != ":" }.dropFirst(3)
        let name = String(address.map { $0.isLetter || $0.isNumber || $0 == "." ? $0 : "-" })
        return "\(base)/slipway/trust/\(name)"
    }
}

/// The metadata of a controller as this person's own verification sees it.
struct TrustedView {
    var metadata: TrustedMetadata
    /// What had expired and was believed all the same, because it is being renewed.
    var expired: [String] = []
    /// Roles whose version in force those who may sign it now have not signed: nothing of them is believed.
    var unsigned: [String] = []

    private static let unsignedCode = "trust.role.signatures"
    private static let expiryCodes = ["trust.role.expired", "trust.root.expired", "trust.targets.expired"]

    /// - Parameter roles: that will be compared.
    static func refresh(
        _ folder: Directory, roles: [String], _ client: ControllerClient
    ) async throws -> TrustedView {
        let trust = MetadataClient(
            store: folder, http: client.door, time: SystemTime(),
            address: RepositoryAddress(baseURL: client.repositoryURL))
        let probes = roles.compactMap(TargetPath.probe)
        let now = SystemTime().now()
        do {
            return TrustedView(metadata: try await trust.refresh(at: now, targets: probes))
        } catch let error as TrustError where Self.expiryCodes.contains(error.code) {
            // To renew what has expired one must look at it: as it was before, and said loudly.
            let expired = try await client.keys().roles.filter { $0.expiresAt.map { $0 <= now } ?? false }
            guard let earliest = expired.compactMap(\.expiresAt).min() else { throw error }
            let metadata = try await trust.refresh(at: earliest - .seconds(1), targets: probes)
            return TrustedView(metadata: metadata, expired: expired.map(\.role))
        } catch let error as TrustError where error.code == unsignedCode {
            // To sign it anew one must get past it; top roles are never passed over.
            var view = TrustedView(metadata: try await trust.refresh(at: now))
            var believed: [String] = []
            for role in roles {
                guard let probe = TargetPath.probe(role: role) else { continue }
                do {
                    view.metadata = try await trust.refresh(at: now, targets: believed + [probe])
                    believed.append(probe)
                } catch let error as TrustError where error.code == unsignedCode { view.unsigned.append(role) }
            }
            return view
        }
    }
}
