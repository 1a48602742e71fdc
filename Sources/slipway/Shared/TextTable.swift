/// Columns padded with spaces to the widest cell; the last one is not padded.
struct TextTable {
    var rows: [[String]]

    init(_ heading: [String], _ rows: [[String]]) { self.rows = [heading] + rows }

    /// Two columns without a heading.
    init(pairs: [(String, String)]) { rows = pairs.map { [$0.0, $0.1] } }

    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined() + "\n"
        }.joined()
    }
}
