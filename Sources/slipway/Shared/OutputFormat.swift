import ArgumentParser
import ReleaseDefinition

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case table, json, ndjson, name
}

struct OutputOptions: ParsableArguments {
    @Option(help: "How data is printed.")
    var output: OutputFormat = .table

    init() {}

    init(output: OutputFormat) { self.output = output }

    /// A list: a table with a heading, an array, a line each, or the names.
    func print<Item: Presentable>(_ items: [Item]) throws {
        switch output {
        case .table: try StandardOutput.write(TextTable(Item.columns, items.map(\.cells)).text)
        case .json: try StandardOutput.write(JSONValue.array(items.map { try JSONCoding.value(of: $0) }).prettyBytes)
        case .ndjson:
            for item in items { try StandardOutput.write(JSONCoding.value(of: item).wireBytes + [0x0A]) }
        case .name: try StandardOutput.write(items.map { $0.name + "\n" }.joined())
        }
    }

    /// One thing, in full.
    func print<Item: Presentable>(_ item: Item) throws {
        switch output {
        case .table: try StandardOutput.write(item.details)
        case .json: try StandardOutput.write(JSONCoding.value(of: item).prettyBytes)
        case .ndjson: try StandardOutput.write(JSONCoding.value(of: item).wireBytes + [0x0A])
        case .name: try StandardOutput.write(item.name + "\n")
        }
    }
}

/// A value that a command prints.
protocol Presentable: Encodable {
    static var columns: [String] { get }
    /// As many as `columns`.
    var cells: [String] { get }
    /// What `--output name` prints: what other commands take.
    var name: String { get }
    /// All of it for people, with a line feed at the end.
    var details: String { get }
}

extension Presentable {
    var details: String { TextTable(pairs: zip(Self.columns, cells).map { ($0.lowercased(), $1) }).text }
}
