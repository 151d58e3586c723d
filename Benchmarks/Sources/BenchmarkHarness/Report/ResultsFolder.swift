import Foundation

/// Writes everything a sweep leaves behind in a folder of results.
public enum ResultsFolder {
    /// Writes `directory/<machine>/sweep.json`, `.csv` and `peaks.json`, the plots and `index.html` beside them,
    /// and `directory/README.md`.
    ///
    /// - Returns: sentences about what could not be done: plots without gnuplot, earlier sweeps that cannot be read.
    /// - Throws: ``HarnessError`` if a file cannot be written.
    public static func write(
        _ document: SweepDocument, to directory: String, plots: Bool
    ) throws(HarnessError) -> [String] {
        let folder = "\(directory)/\(document.machine.folderName)"
        try OutputFile.write(document.json(), to: "\(folder)/sweep.json")
        try OutputFile.write(CSV.text(document.cases), to: "\(folder)/sweep.csv")
        if let limits = document.limits { try OutputFile.write(limits.json(), to: "\(folder)/peaks.json") }
        let problems = try picture(document, in: folder, plots: plots)
        return try problems + writePage(directory)
    }

    /// Draws the plots and writes the pages of all machines in `directory` again, from the numbers that lie there:
    /// after a comparison with peers, or with a newer version of the harness.
    ///
    /// - Returns: the folders that were drawn, and sentences about what could not be done.
    /// - Throws: ``HarnessError`` if there are no results, or a file cannot be written.
    public static func redraw(_ directory: String) throws(HarnessError) -> (folders: [String], problems: [String]) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let folders = names.sorted().map { "\(directory)/\($0)" }.filter {
            FileManager.default.fileExists(atPath: "\($0)/sweep.json")
        }
        if folders.isEmpty { throw HarnessError("\(directory) holds no results: run attention-bench sweep first") }
        var problems: [String] = []
        for folder in folders {
            // What cannot be read is told by the page.
            guard let document = try? SweepDocument.read(path: "\(folder)/sweep.json") else { continue }
            problems += try picture(document, in: folder, plots: true)
        }
        return (folders, try problems + writePage(directory))
    }

    private static func picture(
        _ document: SweepDocument, in folder: String, plots: Bool
    ) throws(HarnessError) -> [String] {
        var problems: [String] = []
        if plots && !document.cases.isEmpty {
            do throws(HarnessError) {
                try Plots.draw(figures(document, in: folder), into: folder)
            } catch {
                problems.append(error.description)
            }
        }
        try OutputFile.write(HTMLReport.page(document, folder: folder), to: "\(folder)/index.html")
        return problems
    }

    private static func writePage(_ directory: String) throws(HarnessError) -> [String] {
        let (page, unreadable) = ResultsPage.text(directory: directory)
        try OutputFile.write(page, to: "\(directory)/README.md")
        return unreadable
    }

    /// Every figure that the sweep and the comparison with peers beside it have the numbers for.
    static func figures(_ document: SweepDocument, in folder: String) -> [Figure] {
        Plots.figures(
            document, products: try? ProductsRecord.read(path: "\(folder)/gemm.json"),
            peers: try? PeersRecord.read(path: "\(folder)/compare.json"))
    }
}
