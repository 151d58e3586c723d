import Foundation

/// A document of contests that lies in the folder of its machine.
public protocol ContestDocument: Codable, Sendable {
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
        try OutputFile.write(json(document), to: path + ".json")
        try OutputFile.write(csv(document), to: path + ".csv")
        try OutputFile.write(markdown(document), to: path + ".md")
    }

    /// The document as JSON text with sorted keys, so that two runs can be compared line by line.
    public static func json(_ document: some ContestDocument) throws(HarnessError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Only the error of a wrong result can be one of these.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
        } catch {
            throw HarnessError("the results could not be written as JSON: \(error.localizedDescription)")
        }
    }
}
