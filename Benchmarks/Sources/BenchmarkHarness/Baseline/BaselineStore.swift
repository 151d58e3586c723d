import Foundation

/// Where baselines of this machine lie in a folder of results.
public struct BaselineStore: Sendable {
    /// The baseline that is committed with the source.
    public static let reference = "reference"

    private let folder: String

    /// The baselines in `directory`, the folder of results.
    public init(_ directory: String) {
        folder = "\(directory)/\(MachineReport.current(PeakMeter()).folderName)"
    }

    /// The file of a baseline: `reference.json` beside the results, others in `baselines/`.
    ///
    /// - Throws: ``HarnessError`` if the name cannot be a file's.
    public func path(_ name: String) throws(HarnessError) -> String {
        let isSafe = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard isSafe, let first = name.first, first != "." else {
            throw HarnessError(
                "the baseline's name \"\(name)\" should be letters, digits, hyphens, underscores and dots")
        }
        return name == Self.reference ? "\(folder)/reference.json" : "\(folder)/baselines/\(name).json"
    }

    /// Reads a baseline.
    ///
    /// - Throws: ``HarnessError`` if there is none of that name, with the names there are.
    public func read(_ name: String) throws(HarnessError) -> BaselineDocument {
        let path = try path(name)
        guard FileManager.default.fileExists(atPath: path) else {
            let known = names().joined(separator: ", ")
            throw HarnessError(
                "there is no baseline \"\(name)\" at \(path); "
                    + (known.isEmpty ? "none was saved yet" : "there are \(known)"))
        }
        return try BaselineDocument.read(path: path)
    }

    /// Writes a baseline.
    public func save(_ document: BaselineDocument, as name: String) throws(HarnessError) {
        try OutputFile.write(document.json(), to: path(name))
    }

    /// The names of all baselines of this machine, the reference first.
    public func names() -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/baselines")) ?? []
        let others = files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
        let hasReference = FileManager.default.fileExists(atPath: "\(folder)/reference.json")
        return (hasReference ? [Self.reference] : []) + others
    }

    /// A table of all baselines.
    public func table() throws(HarnessError) -> TextTable {
        var table = TextTable([
            ("name", .left), ("date", .left), ("commit", .left), ("cases", .right), ("passes", .right),
            ("mean % of peak", .right),
        ])
        for name in names() {
            let document = try read(name)
            let mean = BaselineComparison.geometricMean(document.cells.map(\.share))
            table.add([
                name, document.date, document.commit, "\(document.cells.count)",
                "\(document.cells.map(\.shares.count).max() ?? 0)", NumberText.fixed(100 * mean, 1),
            ])
        }
        return table
    }
}
