import ArgumentParser
import BenchmarkHarness

/// What the verbs on baselines have in common.
struct BaselineArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The folder of results that holds the baselines.", valueName: "dir"))
    var output = "results"

    @Option(help: "How often all cases are measured; their range is the noise.")
    var passes = 3

    @Flag(help: "Keep each thread on its core.")
    var pin = false

    var store: BaselineStore { BaselineStore(output) }

    func runner() throws -> BaselineRunner {
        guard (1...100).contains(passes) else { throw HarnessError("--passes: \(passes) should be from 1 to 100") }
        var runner = BaselineRunner()
        runner.passes = passes
        runner.settings.pins = pin
        return runner
    }

    /// Pins if asked to, then runs `body` so that Ctrl-C ends it with the usual exit code and nothing written.
    func measuring<Result>(_ body: (BaselineRunner) throws -> Result) throws -> Result {
        if pin { try ThreadPinning.start() }
        let interruption = Interruption()
        var runner = try runner()
        runner.checkInterruption = interruption.check
        do {
            return try body(runner)
        } catch is Interruption.Requested {
            throw ExitCode(Interruption.exitCode)
        }
    }
}

/// The loss that is still no loss.
struct ThresholdArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The loss of speed that is allowed, in percent.", valueName: "percent"))
    var threshold = "5%"

    func share() throws -> Double {
        let number = threshold.hasSuffix("%") ? String(threshold.dropLast()) : threshold
        guard let percent = Double(number), percent > 0, percent < 100 else {
            throw HarnessError("--threshold: \"\(threshold)\" should be a percentage between 0 and 100, such as 5%")
        }
        return percent / 100
    }
}

/// A comparison and how it is shown.
struct ComparisonArguments: ParsableArguments {
    @OptionGroup var baseline: BaselineArguments
    @OptionGroup var threshold: ThresholdArguments
    @OptionGroup var tables: TableArguments

    @Option(help: ArgumentHelp("Compare this saved baseline instead of measuring.", valueName: "name"))
    var candidate: String?

    @Flag(help: "Show every case, not only those that differ.")
    var all = false

    /// Compares with the baseline `name`, prints, and returns whether nothing is slower.
    func run(_ name: String) throws -> Bool {
        let (share, store) = (try threshold.share(), baseline.store)
        let before = try store.read(name)
        let comparison =
            if let candidate {
                BaselineComparison(before, try store.read(candidate), threshold: share)
            } else {
                try baseline.measuring { try $0.compare(with: before, threshold: share) }
            }
        try tables.print(
            BaselineTables.tables(comparison, all: all), heading: BaselineTables.heading(comparison)
        ) { try comparison.json() }
        if tables.format == .text || tables.format == .markdown {
            print("\n" + BaselineTables.conclusion(comparison), terminator: "")
        }
        return comparison.passes
    }
}
