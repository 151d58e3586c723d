import ArgumentParser
import BenchmarkHarness
import Foundation

/// Draws results again.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Draws the plots and pages of results again, from the numbers in their folder.",
        discussion: """
            Nothing is measured: sweep.json, and where present compare.json, of every machine in the folder become SVG \
            and PNG plots, index.html and README.md.
            """)

    @Option(help: ArgumentHelp("The folder of results.", valueName: "dir"))
    var output = "results"

    func run() throws {
        let (folders, problems) = try ResultsFolder.redraw(output)
        for problem in problems { FileHandle.standardError.write(Data("\(problem)\n".utf8)) }
        print("Drawn again: \(folders.joined(separator: ", "))")
    }
}
