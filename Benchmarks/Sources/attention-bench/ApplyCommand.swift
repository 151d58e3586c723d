import ArgumentParser
import AttentionKernels
import BenchmarkHarness

/// Runs a kernel on a user's tensors.
struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Computes attention or a matrix product on the tensors of a safetensors file.",
        subcommands: [ApplyAttentionCommand.self, ApplyGemmCommand.self])
}

/// Computes attention on a user's tensors.
struct ApplyAttentionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention",
        abstract: "Computes O = softmax(softcap(scale Q K^T) - slope |p - j| + bias) V.",
        discussion: """
            \(AttentionArguments.tensors) Writes o of the same rank, of the type of q or of --output-dtype.
            """)

    @Option(help: ArgumentHelp("The safetensors file to read.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String

    @OptionGroup var attention: AttentionArguments
    @OptionGroup var running: ExecutionArguments

    @Option(help: ArgumentHelp("The element type of o. (default: that of q)", valueName: "f32|bf16|f16"))
    var outputDtype: String?

    @Flag(help: "Write lse too: the natural logarithm of the sum of the exponentials of each query's scores.")
    var lse = false

    @Flag(help: "Write weights too: the softmax itself, [.., queries, keys].")
    var weights = false

    @OptionGroup(title: "Maps of the weights, without the whole matrix") var maps: MapRequestArguments

    func run() throws {
        var outputs: AttentionOutputs = []
        if lse { outputs.insert(.lse) }
        if weights { outputs.insert(.weights) }
        var options = try attention.options()
        options.outputType = try outputDtype.map { text in
            try AttentionFileOptions.type(text, option: "--output-dtype")
        }
        try Apply.attention(
            input: input, output: output, options: options, kernel: running.attentionKernel(),
            returning: outputs, maps: maps.request(), execution: running.execution())
    }
}

/// Multiplies a user's matrices.
struct ApplyGemmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemm",
        abstract: "Computes C = alpha op(A) op(B) + beta C.",
        discussion: """
            Reads the tensors a and b, each of F32, BF16 or F16, of rank 2 [rows, columns] or rank 3 [batch, rows, \
            columns], and c where beta is not 0. Writes c, of its own type or that of --output-dtype, or else of a's.
            """)

    @Option(help: ArgumentHelp("The safetensors file to read.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String

    @OptionGroup var gemm: GemmArguments
    @OptionGroup var running: ExecutionArguments

    @Option(help: ArgumentHelp("The element type of c. (default: that of c, or of a)", valueName: "f32|bf16|f16"))
    var outputDtype: String?

    func run() throws {
        var options = gemm.options
        options.outputType = try outputDtype.map { text in
            try AttentionFileOptions.type(text, option: "--output-dtype")
        }
        try Apply.gemm(
            input: input, output: output, options: options, kernel: running.attentionKernel(),
            execution: running.execution())
    }
}
