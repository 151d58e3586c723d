import Foundation

/// Writes everything a sweep leaves behind in a folder of results.
public enum ResultsFolder {
    /// Writes `directory/<machine>/sweep.json` and `.csv`, the plots beside them, and `directory/README.md`.
    ///
    /// - Returns: sentences about what could not be done: plots without gnuplot, earlier sweeps that cannot be read.
    /// - Throws: ``HarnessError`` if a file cannot be written.
    public static func write(
        _ document: SweepDocument, to directory: String, plots: Bool
    ) throws(HarnessError) -> [String] {
        let folder = "\(directory)/\(document.machine.folderName)"
        var problems: [String] = []
        try OutputFile.write(document.json(), to: "\(folder)/sweep.json")
        try OutputFile.write(CSV.text(document.cases), to: "\(folder)/sweep.csv")
        if plots && !document.cases.isEmpty {
            do throws(HarnessError) {
                try Plots.draw(PlotFigure.figures(document), into: folder)
            } catch {
                problems.append(error.description)
            }
        }
        let (page, unreadable) = ResultsPage.text(directory: directory)
        try OutputFile.write(page, to: "\(directory)/README.md")
        return problems + unreadable
    }
}
