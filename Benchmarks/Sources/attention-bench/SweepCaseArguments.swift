import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// The lists whose product a sweep measures.
struct SweepCaseArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Sequence lengths, in tokens. (default: 128 to 8192 by doubling)", valueName: "list"))
    var lengths: String?

    @Option(help: ArgumentHelp("Widths of a head, in elements. (default: 64,128)", valueName: "list"))
    var headDims: String?

    @Option(help: ArgumentHelp("Numbers of query heads. (default: 8)", valueName: "list"))
    var heads: String?

    @Option(help: ArgumentHelp("Numbers of key-value heads. (default: as many as query heads)", valueName: "list"))
    var kvHeads: String?

    @Option(help: ArgumentHelp("Numbers of sequences. (default: 1)", valueName: "list"))
    var batch: String?

    @Option(help: ArgumentHelp("Masks: none, causal. (default: both)", valueName: "list"))
    var masks: String?

    @Option(
        help: ArgumentHelp(
            "Kernels: naive, blocked, fused, or all. (default: all; in a baseline blocked,fused)", valueName: "list"))
    var kernels: String?

    @Option(help: ArgumentHelp("Element types: f32.", valueName: "list"))
    var dtypes = "f32"

    @Option(help: ArgumentHelp("Numbers of threads; all is every usable core.", valueName: "list"))
    var threads = "1,all"

    @Option(
        help: ArgumentHelp(
            "Instruction sets by name, or all, or best, which follows the environment variable CK_ISA.",
            valueName: "list"))
    var isa = "best"

    @Option(
        help: ArgumentHelp(
            "The shapes of a model: \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
    var preset: String?

    @Flag(help: "Lengths up to 2048 tokens and one width only: about two minutes.")
    var quick = false

    /// What a sweep measures.
    func plan() throws -> SweepPlan {
        try plan(try selection().sweepWorkloads(), kernels: kernels ?? "all")
    }

    /// What a baseline measures.
    func baselinePlan() throws -> SweepPlan {
        try plan(try selection().baselineWorkloads(), kernels: kernels ?? "blocked,fused")
    }

    private func plan(_ workloads: [SweepPlan.Workload], kernels: String) throws -> SweepPlan {
        SweepPlan(
            workloads: workloads, kernels: try ListArguments.names(kernels, option: "--kernels"),
            dtypes: try ListArguments.names(dtypes, option: "--dtypes"),
            threads: try ListArguments.threads(threads, usableCores: Machine.current.usableCores),
            isas: try ListArguments.isas(isa))
    }

    private func selection() throws -> WorkloadSelection {
        func sizes(_ text: String?, _ option: String) throws -> [Int]? {
            try text.map { text in try ListArguments.sizes(text, option: option) }
        }
        let model = try preset.map { name in
            guard let preset = Preset(rawValue: name) else {
                let names = Preset.allCases.map(\.rawValue).joined(separator: ", ")
                throw HarnessError("--preset: \"\(name)\" should be one of \(names)")
            }
            return preset
        }
        return WorkloadSelection(
            lengths: try sizes(lengths, "--lengths"), headDims: try sizes(headDims, "--head-dims"),
            heads: try sizes(heads, "--heads"), kvHeads: try sizes(kvHeads, "--kv-heads"),
            batch: try sizes(batch, "--batch"),
            masks: try masks.map { text in try ListArguments.names(text, option: "--masks") },
            preset: model, quick: quick)
    }
}
