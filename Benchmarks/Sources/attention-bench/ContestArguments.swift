import ArgumentParser
import BenchmarkHarness
import Foundation

/// Where the results of contests go, and how they begin.
struct ContestArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Write the results as JSON; - is the standard output.", valueName: "path"))
    var json: String?

    @Option(help: ArgumentHelp("Write the results as CSV; - is the standard output.", valueName: "path"))
    var csv: String?

    @Option(help: ArgumentHelp("The folder for a folder of this machine's results.", valueName: "dir"))
    var output = "results"

    @Option(help: "The seed of the numbers.")
    var seed: UInt64 = 1

    @Flag(help: "Go on from the run that was interrupted in the folder of results.")
    var resume = false

    /// Finds out that a result cannot be written before anything runs, and returns the run to go on from.
    func begin<Kind: ContestCase>(conditions: String, of _: Kind.Type) throws -> ContestDocument<Kind>? {
        for path in [json, csv].compactMap(\.self) { try OutputFile.prepare(path) }
        try OutputFile.prepare(output + "/README.md")
        return resume ? try PartialRun.read(Kind.fileName, in: output, conditions: conditions) : nil
    }

    /// Writes and prints a result, and throws the exit code of one that is wrong or not complete.
    func end<Kind: ContestCase>(_ document: ContestDocument<Kind>) throws {
        try document.finish(in: output)
        if let json { try OutputFile.write(document.json(), to: json) }
        if let csv { try OutputFile.write(document.csv, to: csv) }
        // What is for people makes way for data on the standard output.
        let handle = json == "-" || csv == "-" ? FileHandle.standardError : .standardOutput
        try handle.write(contentsOf: Data(document.terminal(folder: output).utf8))
        if !document.isComplete { throw ExitCode(Interruption.exitCode) }
        if document.hasFailed { throw ExitCode.failure }
    }
}
