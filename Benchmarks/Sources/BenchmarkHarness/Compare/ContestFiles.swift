/// A document of contests that lies in the folder of its machine.
public protocol ContestDocument: HarnessDocument, Sendable {
    /// Where it was measured.
    var machine: MachineReport { get }
}

/// Writes the files of `gemm` and `compare`.
public enum ContestFiles {
    /// Writes `directory/<machine>/<name>.json`, `.csv` and `.md`.
    ///
    /// - Throws: ``HarnessError`` if a file cannot be written.
    public static func write<Document: ContestDocument>(
        _ document: Document, markdown: (Document) -> String, csv: (Document) -> String, _ name: String,
        in directory: String
    ) throws(HarnessError) {
        let path = "\(directory)/\(document.machine.folderName)/\(name)"
        try OutputFile.write(document.json(), to: path + ".json")
        try OutputFile.write(csv(document), to: path + ".csv")
        try OutputFile.write(markdown(document), to: path + ".md")
    }
}
