import ArgumentParser
import BenchmarkHarness
import Foundation

/// Keeps how fast a commit is, and compares later ones with it.
struct BaselineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline",
        abstract: "Saves, lists and compares measurements of this machine.",
        subcommands: [BaselineSaveCommand.self, BaselineListCommand.self, BaselineCompareCommand.self])
}

/// Measures a baseline and keeps it.
struct BaselineSaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save",
        abstract: "Measures the cases and keeps them under a name.",
        discussion: """
            Without lists of cases: lengths 128, 512 and 2048, widths 64 and 128, with and without a causal mask, and \
            decoding on 1024 and 8192 keys, by blocked and fused on one thread and on all, and 12 matrix products; about 3 \
            minutes. The name \
            "reference" is the file reference.json that is committed; others lie in baselines/ beside it. Times are in \
            milliseconds, rates in GFLOP/s, shares refer to the FMA peak measured between the repetitions.
            """)

    @Argument(help: "The name to keep it under.")
    var name: String

    @OptionGroup var cases: SweepCaseArguments
    @OptionGroup var baseline: BaselineArguments

    @Option(
        help: ArgumentHelp(
            "Matrix products, as the verb gemm's --shapes has them, or none. (default: 12 of them beside the default list of "
                + "attentions, else none)", valueName: "list"))
    var products: String?

    @Option(help: ArgumentHelp("Element types of --products, as gemm's --dtypes.", valueName: "list"))
    var productDtypes = "f32"

    private func parsedProducts(_ text: String) throws -> [(GemmDType, GemmShape)] {
        if text == "none" { return [] }
        let shapes = try GemmShapes.parse(text, option: "--products")
        let types: [GemmDType] = try ListArguments.names(productDtypes, option: "--product-dtypes")
        return types.flatMap { type in shapes.filter { type.allows($0) }.map { (type, $0) } }
    }

    func run() throws {
        let path = try baseline.store.path(name)
        try OutputFile.prepare(path)
        let plan = try cases.baselinePlan(products: try products.map { text in try parsedProducts(text) })
        let document = try baseline.measuring { try $0.run(plan) }
        try baseline.store.save(document, as: name)
        print("Saved \(document.cells.count) cases of commit \(document.commit) in \(path)")
    }
}

/// Lists what is kept.
struct BaselineListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the baselines of this machine.")

    @Option(help: ArgumentHelp("The folder of results that holds the baselines.", valueName: "dir"))
    var output = "results"

    @OptionGroup var tables: TableArguments

    func run() throws {
        let store = BaselineStore(output)
        let names = store.names()
        try tables.print([store.table()], heading: "Baselines of this machine in \(output)") {
            String(decoding: try JSONEncoder().encode(names), as: UTF8.self) + "\n"
        }
    }
}

/// Compares this build with a baseline.
struct BaselineCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measures a baseline's cases again and shows what changed.",
        discussion: """
            A ratio is the speed now over that of the baseline, in shares of the FMA peak: below 1 is slower. A case is \
            slower or faster only where every pass now is so by more than the threshold and lies beyond every pass of \
            the baseline; doubtful cases get up to two passes more. The exit code is 0 whatever changed: see check.
            """)

    @Argument(help: "The baseline.")
    var name: String

    @OptionGroup var comparison: ComparisonArguments

    func run() throws { _ = try comparison.run(name) }
}

/// Fails where this build is slower than a baseline.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Measures a baseline's cases again and fails if one is slower.",
        discussion: """
            For continuous integration: the exit code is 1 if a case, or a geometric mean, is slower by more than the \
            threshold beyond the measured noise, or could not be measured; 0 otherwise.
            """)

    @Option(help: ArgumentHelp("The baseline.", valueName: "name"))
    var against: String

    @OptionGroup var comparison: ComparisonArguments

    func run() throws {
        if try !comparison.run(against) { throw ExitCode.failure }
    }
}
