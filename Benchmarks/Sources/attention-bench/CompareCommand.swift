import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// Times attention beside other libraries.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Times attention by this library and by others on the same tensors, by turns, each checked first.",
        discussion: """
            Each peer is a program of its own in an environment that Benchmarks/peers/setup NAME makes. Only one process \
            works at a time, all with the same number of threads. A peer that is missing, refuses a case, computes a \
            wrong result or hangs has a row that says so. A tie is a ratio whose 95 % interval includes 1, or that is \
            within 5 % of 1.
            """)

    @Option(
        help: ArgumentHelp(
            "Peers by name, with a variant after a plus sign (torch+mkl), or all. \(PeerCatalog().names.joined(separator: ", "))",
            valueName: "list"))
    var peers = "all"

    @Option(
        help: ArgumentHelp(
            "Families of cases: \(CompareSelection.Family.allCases.map(\.rawValue).joined(separator: ", ")), or all.",
            valueName: "list"))
    var cases = "all"

    @Option(
        help: ArgumentHelp(
            "Element types of all tensors: f32, bf16, f16. (default: f32, or the list's)", valueName: "list"))
    var dtypes: String?

    @Option(
        help: ArgumentHelp(
            "A named list: performance, every family in f32 and bf16, with at most some 12 s a case, for an hour at most.",
            valueName: "name"))
    var list: String?

    @Option(
        help: "The seconds that a case should take; where it would take longer it has fewer rounds, but 5 at least.")
    var caseSeconds: Double?

    @Option(help: ArgumentHelp("Lengths of the families full and causal.", valueName: "list"))
    var lengths: String?

    @Option(help: ArgumentHelp("Widths of a head in the families full, causal and cross.", valueName: "list"))
    var headDims: String?

    @Option(help: "The number of threads of everyone, or all for every usable core.")
    var threads = "all"

    @Option(help: "The library's instruction set by name, or best, which follows the environment variable CK_ISA.")
    var isa = "best"

    @Flag(help: "Short lengths, one width, fewer and shorter rounds.")
    var quick = false

    @Option(help: "Do not time a route if one run takes more seconds.")
    var runLimit = 5.0

    @Option(help: "End a peer that does not answer within so many seconds.")
    var timeLimit = 60.0

    @Option(help: ArgumentHelp("Another folder with programs NAME_peer.py.", valueName: "dir"))
    var peerPrograms: String?

    @OptionGroup var results: ContestArguments

    func run() throws {
        QuietWait.shortenSpins()
        let catalog = PeerCatalog(programs: peerPrograms)
        let plan = try plan(catalog)
        let earlier = try results.begin(conditions: plan.conditions, of: ComparedAttention.self)
        let runner = try CompareRunner(
            plan, limits: try PeaksStore.cachedOrMeasured(), catalog: catalog, resuming: earlier)
        let interruption = Interruption()
        runner.checkInterruption = interruption.check
        try results.end(try runner.run { try $0.keep(in: results.output) })
    }

    private func plan(_ catalog: PeerCatalog) throws -> CompareRunner.Plan {
        let isas = try ListArguments.isas(isa)
        let threads = try ListArguments.threads(threads, usableCores: Machine.current.usableCores)
        guard isas.count == 1, threads.count == 1 else {
            throw HarnessError("--threads and --isa should name one value each here, not a list")
        }
        guard list == nil || list == "performance" else {
            throw HarnessError("--list: \"\(list ?? "")\" should be performance")
        }
        let types: [SweepDType] =
            try dtypes.map { text in try ListArguments.names(text, option: "--dtypes") }
            ?? (list == nil ? [.f32] : [.f32, .bf16])
        if let bytes = types.first(where: \.keepsBytes) {
            throw HarnessError("--dtypes: \(bytes.rawValue) is a cache of this library, which no peer can be given")
        }
        let selection = CompareSelection(
            families: try ListArguments.names(cases, option: "--cases"),
            lengths: try lengths.map { text in try ListArguments.sizes(text, option: "--lengths") },
            headDims: try headDims.map { text in try ListArguments.sizes(text, option: "--head-dims") }, dtypes: types,
            quick: quick)
        var plan = CompareRunner.Plan(
            cases: selection.cases,
            peers: peers == "all" ? catalog.names : try catalog.known(peers.split(separator: ",").map(String.init)),
            threads: threads[0], isa: isas[0], seed: results.seed, quick: quick)
        plan.runLimitSeconds = runLimit
        plan.limits.caseSeconds = timeLimit
        plan.caseSeconds = caseSeconds ?? (list == nil ? .infinity : 12)
        return plan
    }
}
