import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// The lists whose product a sweep measures.
struct SweepCaseArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Sequence lengths, in tokens: of the keys, and of the queries unless --query-lengths is given. (default: 128 to "
                + "8192 by doubling)", valueName: "list"))
    var lengths: String?

    @Option(
        help: ArgumentHelp(
            "Numbers of queries, in tokens, beside each length of the keys: cross attention; 1 is decoding. Positions count "
                + "so that the last query stands at the last key.", valueName: "list"))
    var queryLengths: String?

    @Option(help: ArgumentHelp("Widths of a head, in elements. (default: 64,128)", valueName: "list"))
    var headDims: String?

    @Option(help: ArgumentHelp("Widths of a value, in elements. (default: those of the heads)", valueName: "list"))
    var valueDims: String?

    @Option(help: ArgumentHelp("Numbers of query heads. (default: 8)", valueName: "list"))
    var heads: String?

    @Option(help: ArgumentHelp("Numbers of key-value heads. (default: as many as query heads)", valueName: "list"))
    var kvHeads: String?

    @Option(help: ArgumentHelp("Numbers of sequences. (default: 1)", valueName: "list"))
    var batch: String?

    @Option(
        help: ArgumentHelp(
            "Masks: none, or rules joined by plus signs: \(Self.rules). window: 255 keys each side; prefix: causal but for the "
                + "first quarter; segments: documents of 512 tokens; blocks: 64 x 64, some 9 about the query and every eighth; "
                + "padding: a boolean mask that hides the last eighth; softcap: 50; sinks: a logit for each head. (default: "
                + "none,causal)", valueName: "list"))
    var masks: String?

    @Option(
        help: ArgumentHelp(
            "Kernels: naive, blocked, fused, or all. (default: all; in a baseline blocked,fused)", valueName: "list"))
    var kernels: String?

    @Option(
        help: ArgumentHelp(
            "Element types: f32, bf16, f16, or those of Q and O, and of K and V: f32/bf16; f32/i8 is a cache of 8 bits. (default: f32, or the preset's)",
            valueName: "list"))
    var dtypes: String?

    @Option(help: ArgumentHelp("Numbers of threads; all is every usable core.", valueName: "list"))
    var threads = "1,all"

    @Option(
        help: ArgumentHelp(
            "Instruction sets by name, or all, or best, which follows the environment variable CK_ISA.",
            valueName: "list"))
    var isa = "best"

    @Option(
        help: ArgumentHelp(
            "Named lists of cases, of models and of what attention is asked for: "
                + "\(Preset.allCases.map(\.rawValue).joined(separator: ", ")). Other lists replace their values.",
            valueName: "list"))
    var preset: String?

    @Flag(help: "Lengths up to 2048 tokens and one width only: about two minutes.")
    var quick = false

    /// What a sweep measures.
    func plan() throws -> SweepPlan {
        try plan(try selection().sweepWorkloads(), kernels: kernels ?? "all")
    }

    /// What a baseline measures.
    ///
    /// - Parameter products: the products of `--products`; nil for those that belong to the default list.
    func baselinePlan(products: [(GemmDType, GemmShape)]?) throws -> BaselineRunner.Plan {
        let selection = try selection()
        let attention = try plan(try selection.baselineWorkloads(), kernels: kernels ?? "blocked,fused")
        let cells =
            if let products {
                attention.isas.flatMap { isa in
                    attention.threads.flatMap { threads in
                        products.map { GemmCell($0.1, $0.0, isa: isa, threads: threads) }
                    }
                }
            } else {
                selection.isDefault ? GemmCell.defaults(isas: attention.isas, threads: attention.threads) : []
            }
        return BaselineRunner.Plan(attention: attention, products: cells)
    }

    private func plan(_ workloads: [SweepPlan.Workload], kernels: String) throws -> SweepPlan {
        SweepPlan(
            workloads: workloads, kernels: try ListArguments.names(kernels, option: "--kernels"),
            dtypes: try dtypes.map { text in try ListArguments.names(text, option: "--dtypes") },
            threads: try ListArguments.threads(threads, usableCores: Machine.current.usableCores),
            isas: try ListArguments.isas(isa))
    }

    private func selection() throws -> WorkloadSelection {
        func sizes(_ text: String?, _ option: String) throws -> [Int]? {
            try text.map { text in try ListArguments.sizes(text, option: option) }
        }
        return WorkloadSelection(
            lengths: try sizes(lengths, "--lengths"), queryLengths: try sizes(queryLengths, "--query-lengths"),
            headDims: try sizes(headDims, "--head-dims"), valueDims: try sizes(valueDims, "--value-dims"),
            heads: try sizes(heads, "--heads"), kvHeads: try sizes(kvHeads, "--kv-heads"),
            batch: try sizes(batch, "--batch"),
            masks: try masks.map { text in try ListArguments.names(text, option: "--masks") },
            presets: try preset.map { text in try ListArguments.names(text, option: "--preset") } ?? [],
            quick: quick)
    }

    private static let rules = SweepMask.Rule.allCases.map(\.rawValue).joined(separator: ", ")
}
