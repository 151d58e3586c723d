import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// Times matrix products, beside other libraries if they are named.
struct GemmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemm",
        abstract: "Times matrix products over Transformer shapes, beside other libraries, each checked first.",
        discussion: """
            Every product is computed with B and with B transposed. A library named by --peer-cblas or --peer-onednn is \
            loaded into this process and takes turns with the library's own product on the same matrices. One that \
            cannot be loaded, refuses a product or computes a wrong one has a row that says so. Variables that a \
            library reads when it is loaded, such as OPENBLAS_CORETYPE, belong into the environment of this command.
            """)

    @Option(
        help: ArgumentHelp(
            "Products: sizes as MxNxK; families \(families); or all of them.", valueName: "list"))
    var shapes = "all"

    @Option(
        help: ArgumentHelp(
            "Element types: f32; bf16 and f16 into f32; i8 into 32-bit integers; f32 times weights in GGUF's blocks q8_0, q4_0, "
                + "q4_1, which are measured with B transposed, as files hold them; or all.", valueName: "list"))
    var dtypes = "f32"

    @Flag(help: "Time products with B packed before as well, as weights that serve many products are.")
    var packed = false

    @Option(help: ArgumentHelp("Numbers of threads; all is every usable core.", valueName: "list"))
    var threads = "1,all"

    @Option(help: "The library's instruction set by name, or best, which follows the environment variable CK_ISA.")
    var isa = "best"

    @Option(help: ArgumentHelp("Paths of CBLAS libraries to compare with.", valueName: "paths"))
    var peerCblas: String?

    @Option(help: ArgumentHelp("Paths of oneDNN libraries to compare with.", valueName: "paths"))
    var peerOnednn: String?

    @Flag(help: "Leave out products of more than 10^9 operations, and take fewer and shorter rounds: about a minute.")
    var quick = false

    @OptionGroup var results: ContestArguments

    private static let families = GemmShapes.Family.allCases.map(\.rawValue).joined(separator: ", ")

    func run() throws {
        let isas = try ListArguments.isas(isa)
        guard isas.count == 1 else { throw HarnessError("--isa: \"\(isa)\" should be one instruction set") }
        QuietWait.shortenSpins()
        let plan = GemmRunner.Plan(
            shapes: try GemmShapes.parse(shapes, quick: quick),
            dtypes: try ListArguments.names(dtypes, option: "--dtypes"),
            threads: try ListArguments.threads(threads, usableCores: Machine.current.usableCores), isa: isas[0],
            packs: packed, cblasPaths: paths(peerCblas), oneDNNPaths: paths(peerOnednn), seed: results.seed,
            quick: quick)
        let earlier = try results.begin(conditions: plan.conditions, of: MeasuredProduct.self)
        var runner = GemmRunner(plan, limits: try PeaksStore.cachedOrMeasured(), resuming: earlier)
        let interruption = Interruption()
        runner.checkInterruption = interruption.check
        try results.end(try runner.run { try $0.keep(in: results.output) })
    }

    private func paths(_ list: String?) -> [String] {
        list.map { $0.split(separator: ",").map(String.init) } ?? []
    }
}
