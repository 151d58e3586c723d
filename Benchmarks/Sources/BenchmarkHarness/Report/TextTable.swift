/// A table of text, aligned for a terminal or marked for Markdown.
public struct TextTable: Sendable, Equatable {
    /// How a column's cells stand.
    public enum Alignment: Sendable {
        case left, right
    }

    let titles: [String]
    let alignments: [Alignment]
    private(set) var rows: [[String]] = []

    /// A table with the given columns and no rows.
    public init(_ columns: [(title: String, alignment: Alignment)]) {
        titles = columns.map(\.title)
        alignments = columns.map(\.alignment)
    }

    /// Appends a row; missing cells are empty.
    public mutating func add(_ cells: [String]) {
        rows.append(titles.indices.map { $0 < cells.count ? cells[$0] : "" })
    }

    /// Whether the table has no rows.
    public var isEmpty: Bool { rows.isEmpty }

    /// The table with two spaces between columns and a rule under the titles; every line ends with a newline.
    public var aligned: String {
        let widths = titles.indices.map { column in
            ([titles] + rows).map { $0[column].count }.max() ?? 0
        }
        let rule = zip(titles, widths).map { $0.isEmpty ? "" : String(repeating: "-", count: $1) }
        let lines = [titles, rule] + rows
        return lines.map { line in
            let text = zip(line, zip(widths, alignments)).map { cell, format in
                let space = String(repeating: " ", count: format.0 - cell.count)
                return format.1 == .left ? cell + space : space + cell
            }.joined(separator: "  ")
            return String(text.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }

    /// The table as comma-separated values; cells with a comma, a quotation mark or a line break are quoted.
    public var csv: String { CSV.lines([titles] + rows) }

    /// The table in Markdown.
    public var markdown: String {
        let rule = alignments.map { $0 == .left ? "---" : "---:" }
        return ([titles, rule] + rows).map { "| \($0.joined(separator: " | ")) |\n" }.joined()
    }
}
