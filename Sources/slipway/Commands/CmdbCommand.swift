import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct CmdbCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cmdb", abstract: "Configuration items: hosts, units, services, contracts, and what they contain.",
        subcommands: [CmdbQueryCommand.self, CmdbExportCommand.self, CmdbBaselineCommand.self])
}

struct CmdbQueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Configuration items by kind and attributes, or where a material is running.",
        discussion: """
            --where version=1.3 --where environment=production asks for attributes. --material openssl --below 3.0.13 asks \
            the bills of materials of what runs; versions compare part by part.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Of this kind only.")
    var kind: ConfigurationItem.Kind?

    @Option(name: .customLong("where"), help: "ATTRIBUTE=VALUE; may be given again.")
    var conditions: [String] = []

    @Option(help: "A name in bills of materials, as openssl.")
    var material: String?

    @Option(help: "With --material: only versions below this one.")
    var below: String?

    func validate() throws {
        guard conditions.allSatisfy({ $0.contains("=") }) else {
            throw ValidationError("Write --where ATTRIBUTE=VALUE.")
        }
        guard below == nil || material != nil else { throw ValidationError("--below goes with --material.") }
        guard material?.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._+".contains($0)) }) ?? true else {
            throw ValidationError("A material is named by letters, digits and -._+.")
        }
    }

    func run() async throws {
        if let material {
            let places = try await connection.withClient { try await $0.places(of: material) }
            let found = places.filter { place in below.map { MaterialOrder.isBelow(place.version, $0) } ?? true }
            return try output.print(found.map(MaterialPlacePresentation.init))
        }
        let pairs = conditions.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
        let items = try await connection.withClient { try await $0.configurationItems() }
        let found = items.filter { item in
            (kind == nil || item.kind == kind) && pairs.allSatisfy { item.attributes[$0.0] == $0.1 }
        }
        try output.print(found.map(ConfigurationItemPresentation.init))
    }
}

struct CmdbExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Every configuration item with its relations, as CSV or JSON.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The form of the data.")
    var format: ExportFormat = .json

    enum ExportFormat: String, CaseIterable, ExpressibleByArgument { case json, csv }

    func run() async throws {
        try await connection.withClient { client in
            switch format {
            case .json:
                let items = try await client.configurationItems()
                try StandardOutput.write(
                    JSONValue.array(items.map { try JSONCoding.value(of: $0) }).prettyBytes)
            case .csv: try StandardOutput.write(try await client.configurationTable())
            }
        }
    }
}

struct CmdbBaselineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline",
        abstract: "Put down every configuration item for a release, and what changed since the last.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let view = try await connection.withClient { try await $0.takeBaseline(release) }
        try output.print(BaselinePresentation(baseline: view))
    }
}

extension ConfigurationItem.Kind: ExpressibleByArgument {}

/// Versions of other people's packages: parts of digits by number, parts of letters by the alphabet.
enum MaterialOrder {
    static func isBelow(_ left: String, _ right: String) -> Bool {
        let (one, two) = (parts(left), parts(right))
        for (a, b) in zip(one, two) where a != b {
            if let x = Int(a), let y = Int(b) { return x < y }
            return a < b
        }
        return one.count < two.count
    }

    private static func parts(_ text: String) -> [String] {
        var parts: [String] = []
        var current = ""
        for character in text {
            let isSame = current.last.map { $0.isNumber == character.isNumber } ?? true
            if !(character.isNumber || character.isLetter) || !isSame {
                if !current.isEmpty { parts.append(current) }
                current = ""
            }
            if character.isNumber || character.isLetter { current.append(character) }
        }
        return current.isEmpty ? parts : parts + [current]
    }
}

struct ConfigurationItemPresentation: Presentable {
    var item: ConfigurationItem

    static let columns = ["ITEM", "KIND", "ATTRIBUTES", "RELATIONS"]
    var cells: [String] {
        [
            item.id, item.kind.rawValue,
            item.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "),
            item.links.map { "\($0.relation.rawValue) \($0.item)" }.joined(separator: ", "),
        ]
    }
    var name: String { item.id }
    func encode(to encoder: any Encoder) throws { try item.encode(to: encoder) }
}

struct MaterialPlacePresentation: Presentable {
    var place: MaterialPlaceView

    static let columns = ["MATERIAL", "VERSION", "RELEASE", "HOSTS"]
    var cells: [String] {
        [
            place.material, place.version, place.release.description,
            place.hosts.isEmpty ? "-" : place.hosts.map(\.text).joined(separator: ", "),
        ]
    }
    var name: String { place.release.description }
    func encode(to encoder: any Encoder) throws { try place.encode(to: encoder) }
}

struct BaselinePresentation: Presentable {
    var baseline: BaselineView

    static let columns = ["BASELINE", "ITEMS", "ADDED", "REMOVED", "CHANGED"]
    var cells: [String] {
        let difference = baseline.difference
        return [
            baseline.digest.hex, String(baseline.items), difference.map { String($0.added.count) } ?? "-",
            difference.map { String($0.removed.count) } ?? "-", difference.map { String($0.changed.count) } ?? "-",
        ]
    }
    var name: String { baseline.digest.hex }
    func encode(to encoder: any Encoder) throws { try baseline.encode(to: encoder) }

    var details: String {
        let difference = baseline.difference
        let lines =
            (difference?.added.map { "+ \($0)" } ?? []) + (difference?.removed.map { "- \($0)" } ?? [])
            + (difference?.changed.map { "~ \($0.item) \($0.attribute): \($0.before ?? "-") → \($0.after ?? "-")" }
                ?? [])
        return TextTable(pairs: zip(Self.columns, cells).map { ($0.lowercased(), $1) }).text
            + lines.map { $0 + "\n" }.joined()
    }
}
