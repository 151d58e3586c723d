import Foundation

/// Writes everything a sweep leaves behind in a folder of results.
public enum ResultsFolder {
    /// Where the cases of an interrupted sweep are kept.
    public static func partialPath(_ directory: String) -> String {
        "\(directory)/\(MachineReport.current(PeakMeter()).folderName)/sweep.partial.json"
    }

    /// Reads the interrupted sweep that lies in `directory`, if it can be gone on from.
    ///
    /// - Throws: ``HarnessError`` if there is none, or it is of another commit or measured otherwise.
    public static func partial(_ directory: String, settings: SweepSettings) throws(HarnessError) -> SweepDocument {
        let path = partialPath(directory)
        guard FileManager.default.fileExists(atPath: path) else {
            throw HarnessError("--resume: there is no interrupted sweep at \(path)")
        }
        let document = try SweepDocument.read(path: path)
        let commit = SourceRevision.describe()
        guard document.commit == commit else {
            throw HarnessError("--resume: \(path) is of commit \(document.commit); it should be of \(commit)")
        }
        guard document.settings == settings.record else {
            throw HarnessError(
                "--resume: \(path) was measured with another seed, limit of naive cases or pinning; they should be equal"
            )
        }
        return document
    }

    /// Writes `directory/<machine>/sweep.json`, `.csv` and `peaks.json`, the plots and `index.html` beside them,
    /// and `directory/README.md`.
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
        if let limits = document.limits { try OutputFile.write(limits.json(), to: "\(folder)/peaks.json") }
        if plots && !document.cases.isEmpty {
            do throws(HarnessError) {
                try Plots.draw(figures(document, in: folder), into: folder)
            } catch {
                problems.append(error.description)
            }
        }
        try OutputFile.write(HTMLReport.page(document, folder: folder), to: "\(folder)/index.html")
        let (page, unreadable) = ResultsPage.text(directory: directory)
        try OutputFile.write(page, to: "\(directory)/README.md")
        return problems + unreadable
    }

    /// Every figure that the sweep and the comparison with peers beside it have the numbers for.
    static func figures(_ document: SweepDocument, in folder: String) -> [Figure] {
        Plots.figures(document, peers: try? PeersRecord.read(path: "\(folder)/compare.json"))
    }
}
