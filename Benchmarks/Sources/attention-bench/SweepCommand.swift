import ArgumentParser
import AttentionKernels
import BenchmarkHarness
import Foundation

/// Times the kernels over sequence lengths.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Times naive, blocked and fused attention over sequence lengths, each case verified first.",
        discussion: """
            Lists are separated by commas, and the sweep is the product of all of them. Every case is compared with a \
            double-precision oracle before it is timed; a wrong one is reported, not timed, and makes the exit code 1.
            """)

    @OptionGroup var cases: SweepCaseArguments

    @Option(help: ArgumentHelp("Write the results as JSON; - is the standard output.", valueName: "path"))
    var json: String?

    @Option(help: ArgumentHelp("Write the cases as CSV; - is the standard output.", valueName: "path"))
    var csv: String?

    @Option(help: ArgumentHelp("The folder for README.md and a folder of this machine's results.", valueName: "dir"))
    var output = "results"

    @Flag(help: "Draw no plots.")
    var noPlots = false

    @Option(help: "The seed of the inputs.")
    var seed: UInt64 = 1

    @Option(help: "Skip a naive case if one run is predicted to take more seconds; 5, or 2 with --quick.")
    var naiveLimit: Double?

    func run() throws {
        var settings = SweepSettings()
        settings.seed = seed
        settings.naiveLimitSeconds = naiveLimit ?? (cases.quick ? 2 : settings.naiveLimitSeconds)
        let plan = try cases.plan()
        // Before the sweep, not after it, is the time to learn that a result cannot be written.
        for path in [json, csv].compactMap(\.self) { try OutputFile.prepare(path) }
        try OutputFile.prepare(output + "/README.md")

        var runner = SweepRunner(plan, settings: settings)
        let document = try runner.run()
        if let json { try OutputFile.write(document.json(), to: json) }
        if let csv { try OutputFile.write(CSV.text(document.cases), to: csv) }
        let problems = try ResultsFolder.write(document, to: output, plots: !noPlots)

        // What is for people makes way for data on the standard output.
        let page = SweepSummary.text(document, folder: output)
        let handle = json == "-" || csv == "-" ? FileHandle.standardError : .standardOutput
        try handle.write(contentsOf: Data(page.utf8))
        for problem in problems { FileHandle.standardError.write(Data("\(problem)\n".utf8)) }
        if !document.failed.isEmpty { throw ExitCode.failure }
    }
}
