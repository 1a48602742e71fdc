import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust

struct KeysRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Replace the keys of a role; hosts follow by themselves.",
        discussion: """
            snapshot, timestamp and director are made anew by the controller; the keys above them sign (root, or targets \
            for the director). root, targets, releases (the approvers of all products) and emergency take the new \
            holders: --holder NAME=FILE.pub for each, all of them, also those that stay. A new root is signed by the \
            old threshold and by the new. When approvers change, the new ones sign every product's role again in the \
            same change.
            """)

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "root, targets, snapshot, timestamp, director, releases or emergency.")
    var role: Role

    @Option(name: .customLong("holder"), help: "Who signs from now on, as NAME=FILE.pub; several times.")
    var holders: [String] = []

    @Option(help: "How many of them must sign.")
    var threshold: Int?

    enum Role: String, CaseIterable, ExpressibleByArgument {
        case root, targets, snapshot, timestamp, director, releases, emergency
    }

    func validate() throws {
        let isOnline = [.snapshot, .timestamp, .director].contains(role)
        guard isOnline == holders.isEmpty else {
            throw ValidationError(
                isOnline
                    ? "The controller makes the key of \(role.rawValue) itself: leave --holder out."
                    : "Say who signs for \(role.rawValue) from now on: --holder NAME=FILE.pub.")
        }
    }

    func run() async throws {
        let named = try holders.map(PersonKey.holder)
        let signers = RoleSigners(named, threshold: threshold ?? max(1, named.count / 2 + named.count % 2))
        let edit: RoleEdit
        switch role {
        case .root: edit = .topKeys(RoleEdit.TopKeys(root: signers))
        case .targets: edit = .topKeys(RoleEdit.TopKeys(targets: signers))
        case .releases: edit = .delegatedKeys(RoleEdit.DelegatedKeys(approvers: signers))
        case .emergency: edit = .delegatedKeys(RoleEdit.DelegatedKeys(emergency: signers))
        case .snapshot, .timestamp, .director: return try await rotateOnline()
        }
        try await KeyChange(signing: signing).run([edit], reason: "new keys of \(role.rawValue)", output: output)
    }

    private func rotateOnline() async throws {
        let change = try await signing.connection.withClient { client -> MetadataChangeView? in
            let view = try await client.rotateOnline(OnlineRotationRequest(role: role.rawValue))
            guard let change = view.changes.last, !signing.keyFile.files.isEmpty else {
                let waiting = view.changes.last.map { "Proposed as \($0.id); sign it with slipway keys sign \($0.id)." }
                Talk.say(waiting ?? "The key of \(role.rawValue) is replaced; hosts follow at their next check.")
                return view.changes.last
            }
            return try await signing.signing(client).run(change)
        }
        try output.print(change)
    }
}

struct KeysOfflineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offline", abstract: "Move root, targets and approvers' keys off the controller, into a folder.",
        discussion: """
            Runs on the controller's machine (--dir). Each key is copied, read back, and only then deleted. Whoever copied \
            them before still has them: rotate them to be rid of that.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Where the keys go: a folder on a removable medium.")
    var to: String

    @Option(help: "Which, separated by commas: root, targets, releases, emergency.")
    var roles = "root,targets,releases,emergency"

    func run() async throws {
        guard let folder = connection.dir else {
            throw ValidationError("Keys are moved on the controller's own machine: give its folder with --dir.")
        }
        let wanted = Set(roles.split(separator: ",").map(String.init))
        guard wanted.isSubset(of: ["root", "targets", "releases", "emergency"]) else {
            throw ValidationError("Only root, targets, releases and emergency go off the controller: \(roles).")
        }
        let source = try Directory.open(folder + "/keys")
        let destination = try Directory.create(to, mode: 0o700)
        let moved = try Self.move(wanted, from: source, to: destination)
        Talk.say(
            moved.isEmpty
                ? "No key of \(roles) lies on the controller." : "Moved to \(to): \(moved.joined(separator: ", ")).")
        let view = try await connection.withClient {
            try await $0.reloadKeys(ReasonRequest(reason: "keys offline"))
        }
        try output.print(KeysPresentation(keys: view))
    }

    static func move(_ roles: Set<String>, from source: Directory, to destination: Directory) throws -> [String] {
        let sizeMax = ByteCount(1 << 16)
        var moved: [String] = []
        for entry in try source.list() where entry.name.hasSuffix(".pem") {
            let role = String(entry.name.dropLast(4).prefix { $0 != "-" })
            guard roles.contains(role) else { continue }
            let bytes = try source.read(entry.name, sizeMax: sizeMax)
            if let there = try destination.readIfPresent(entry.name, sizeMax: sizeMax), there != bytes {
                throw CommandError(
                    code: "key.exists", summary: "\(destination.path)/\(entry.name) is another key.",
                    remedy: "Name an empty folder: nothing is written over, and this key was not moved.")
            }
            try destination.writeDurably(entry.name, bytes, mode: 0o600)
            guard try destination.read(entry.name, sizeMax: sizeMax) == bytes else { continue }
            moved.append(entry.name)
        }
        // All are safe elsewhere before the first is deleted.
        for name in moved { try source.removeFile(name) }
        try source.sync()
        return moved
    }
}

struct KeysProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Choose solo, team or regulated; refused where the keys do not earn it.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var confirming: ConfirmationOptions

    @Argument(help: "solo, team or regulated.")
    var profile: Profile

    enum Profile: String, CaseIterable, ExpressibleByArgument { case solo, team, regulated }

    func run() async throws {
        let chosen = TrustProfile(rawValue: profile.rawValue) ?? .solo
        let view = try await connection.withClient { client in
            let keys = try await client.keys()
            let lost = keys.claims.filter {
                $0.isEarned && $0.promisedBy.contains(keys.profile) && !$0.promisedBy.contains(chosen)
            }
            if !lost.isEmpty {
                Talk.say(
                    "\(chosen.rawValue) no longer promises:\n" + lost.map { "  \($0.claim)" }.joined(separator: "\n"))
                try confirming.require("Give up \(lost.count.of("promise"))?")
            }
            return try await client.choose(ProfileRequest(profile: chosen))
        }
        try output.print(KeysPresentation(keys: view))
    }
}
