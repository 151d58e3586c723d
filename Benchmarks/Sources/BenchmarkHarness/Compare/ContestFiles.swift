/// A document of contests that lies in the folder of its machine.
public protocol ContestDocument: ResumableDocument, Sendable {
    /// The name of its files.
    static var fileName: String { get }
    /// Whether every case was run.
    var isComplete: Bool { get }
    /// The page of the machine.
    var markdown: String { get }
    /// A line for each contestant of each case.
    var csv: String { get }
}

/// Keeps the documents of `gemm` and `compare`.
public enum ContestFiles {
    /// Keeps what an unfinished run has, beside the results of earlier ones.
    ///
    /// - Throws: ``HarnessError`` if the file cannot be written.
    public static func keep<Document: ContestDocument>(
        _ document: Document, in directory: String
    ) throws(HarnessError) {
        try OutputFile.write(document.json(), to: PartialRun.path(Document.fileName, in: directory))
    }

    /// Writes `directory/<machine>/<name>.json`, `.csv` and `.md` of a complete run, or keeps an interrupted one.
    ///
    /// - Throws: ``HarnessError`` if a file cannot be written.
    public static func finish<Document: ContestDocument>(
        _ document: Document, in directory: String
    ) throws(HarnessError) {
        guard document.isComplete else { return try keep(document, in: directory) }
        let path = "\(directory)/\(document.machine.folderName)/\(Document.fileName)"
        try OutputFile.write(document.json(), to: path + ".json")
        try OutputFile.write(document.csv, to: path + ".csv")
        try OutputFile.write(document.markdown, to: path + ".md")
        PartialRun.remove(Document.fileName, in: directory)
    }

    /// Where the results are, or how to go on.
    static func conclusion<Document: ContestDocument>(_ document: Document, cases: Int, folder: String) -> String {
        if document.isComplete {
            let name = Document.fileName
            return "Results are in \(folder)/\(document.machine.folderName)/\(name).md, \(name).csv and \(name).json.\n"
        }
        return "Interrupted after \(cases) cases, which are kept in "
            + "\(PartialRun.path(Document.fileName, in: folder)). The same command with --resume goes on from there.\n"
    }
}
