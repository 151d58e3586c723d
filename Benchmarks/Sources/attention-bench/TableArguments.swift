import ArgumentParser
import BenchmarkHarness

/// In which form a verb prints its tables.
enum TableFormat: String, ExpressibleByArgument, CaseIterable {
    case text, markdown, csv, json
}

/// The form of what is printed.
struct TableArguments: ParsableArguments {
    @Option(help: "The form of the output: text, markdown, csv or json.")
    var format = TableFormat.text

    /// Prints `tables` under `heading`, or the whole document as JSON. A heading has no place in CSV.
    func print(_ tables: [TextTable], heading: String, json: () throws -> String) throws {
        switch format {
        case .text: Swift.print(([heading + "\n"] + tables.map(\.aligned)).joined(separator: "\n"), terminator: "")
        case .markdown: Swift.print(([heading + "\n"] + tables.map(\.markdown)).joined(separator: "\n"), terminator: "")
        case .csv: Swift.print(tables.map(\.csv).joined(separator: "\n"), terminator: "")
        case .json: Swift.print(try json(), terminator: "")
        }
    }
}
