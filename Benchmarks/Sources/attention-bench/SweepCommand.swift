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
            double-precision oracle before it is timed; a wrong one is reported, not timed, and makes the exit code 1. \
            Times are in milliseconds; GFLOP/s are 10^9 floating-point operations a second, of which a multiply-add is \
            two; % of peak refers to the FMA peak measured in the same run, % of bound to that or to the memory that \
            must deliver the data, whichever is lower. Ctrl-C keeps what is done, and --resume goes on from there.
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

    @Flag(help: "Go on from the sweep that was interrupted in the folder of results.")
    var resume = false

    @Flag(help: "Keep each thread on its core.")
    var pin = false

    func run() throws {
        if pin { try ThreadPinning.start() }
        var settings = SweepSettings()
        settings.seed = seed
        settings.pins = pin
        settings.naiveLimitSeconds = naiveLimit ?? (cases.quick ? 2 : settings.naiveLimitSeconds)
        let plan = try cases.plan()
        // Before the sweep, not after it, is the time to learn that a result cannot be written.
        let partial = PartialRun.path("sweep", in: output)
        for path in [json, csv].compactMap(\.self) + [output + "/README.md", partial] {
            try OutputFile.prepare(path)
        }
        let earlier =
            try resume
            ? PartialRun.read("sweep", in: output, conditions: settings.conditions, as: SweepDocument.self) : nil

        let interruption = Interruption()
        var runner = SweepRunner(
            plan, settings: settings, limits: try PeaksStore.cachedOrMeasured(), resuming: earlier)
        runner.checkInterruption = interruption.check
        runner.keep = { try OutputFile.write($0.json(), to: partial) }
        let document = try runner.run()
        if let json { try OutputFile.write(document.json(), to: json) }
        if let csv { try OutputFile.write(CSV.text(document.cases), to: csv) }
        var problems: [String] = []
        if document.complete {
            problems = try ResultsFolder.write(document, to: output, plots: !noPlots)
            PartialRun.remove("sweep", in: output)
        } else {
            try OutputFile.write(document.json(), to: partial)
        }

        // What is for people makes way for data on the standard output.
        let page = SweepSummary.text(document, folder: output)
        let handle = json == "-" || csv == "-" ? FileHandle.standardError : .standardOutput
        try handle.write(contentsOf: Data(page.utf8))
        for problem in problems { FileHandle.standardError.write(Data("\(problem)\n".utf8)) }
        if !document.complete { throw ExitCode(Interruption.exitCode) }
        if !document.failed.isEmpty { throw ExitCode.failure }
    }
}
