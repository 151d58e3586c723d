import Foundation

/// A document of a run that can be interrupted and gone on from.
public protocol ResumableDocument: HarnessDocument {
    /// Where it was measured.
    var machine: MachineReport { get }
    /// The commit it is of.
    var commit: String { get }
    /// What must be the same in a run that goes on from this one: one line.
    var conditions: String { get }
}

/// Runs that were interrupted, in the machine's folder of results.
public enum PartialRun {
    /// Where the cases of an interrupted run of `name` are kept.
    public static func path(_ name: String, in directory: String) -> String {
        "\(directory)/\(MachineReport.current(PeakMeter()).folderName)/\(name).partial.json"
    }

    /// Reads the interrupted run of `name` in `directory`.
    ///
    /// - Throws: ``HarnessError`` if there is none, or it is of another commit or measured otherwise.
    public static func read<Document: ResumableDocument>(
        _ name: String, in directory: String, conditions: String, as _: Document.Type = Document.self
    ) throws(HarnessError) -> Document {
        let path = path(name, in: directory)
        guard FileManager.default.fileExists(atPath: path) else {
            throw HarnessError("--resume: there is no interrupted \(Document.noun) at \(path)")
        }
        let document = try Document.read(path: path)
        let commit = SourceRevision.describe()
        guard document.commit == commit else {
            throw HarnessError("--resume: \(path) is of commit \(document.commit); it should be of \(commit)")
        }
        guard document.conditions == conditions else {
            throw HarnessError(
                "--resume: \(path) was measured with \(document.conditions); it should be with \(conditions)")
        }
        return document
    }

    /// Forgets the interrupted run of `name`.
    public static func remove(_ name: String, in directory: String) {
        try? FileManager.default.removeItem(atPath: path(name, in: directory))
    }
}
