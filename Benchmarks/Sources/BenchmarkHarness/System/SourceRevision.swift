import Foundation

/// Which commit the harness was built from.
public enum SourceRevision {
    /// What `git describe --always --dirty` says of the clone this file was compiled in, or "unknown" where that
    /// clone, or git, is not there.
    public static func describe() -> String {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
        guard let git = CommandLineTool.find("git"),
            let outcome = try? CommandLineTool.run(
                git, ["-C", directory, "describe", "--always", "--dirty", "--tags"]),
            outcome.exitCode == 0
        else { return "unknown" }
        return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
