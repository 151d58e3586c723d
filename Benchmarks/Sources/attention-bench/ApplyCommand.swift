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
        abstract: "Computes O = softmax(scale Q K^T + bias) V.",
        discussion: """
            Reads the F32 tensors q, k and v: all of rank 4 [batch, heads, length, width], of rank 3 without the \
            batch, or of rank 2 without the heads too; k and v may have fewer heads that divide those of q. Where \
            present, mask (BOOL or U8) and bias (F32) broadcast to [batch, heads, queries, keys], and kv_lengths (I64 \
            or I32) [batch] says how many keys each sequence has. Writes o of the same rank.
            """)

    @Option(help: ArgumentHelp("The safetensors file to read.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String

    @OptionGroup var attention: AttentionArguments
    @OptionGroup var running: ExecutionArguments

    @Flag(help: "Write lse too: the natural logarithm of the sum of the exponentials of each query's scores.")
    var lse = false

    @Flag(help: "Write weights too: the softmax itself, [.., queries, keys].")
    var weights = false

    func run() throws {
        var outputs: AttentionOutputs = []
        if lse { outputs.insert(.lse) }
        if weights { outputs.insert(.weights) }
        try Apply.attention(
            input: input, output: output, options: attention.options(), kernel: running.attentionKernel(),
            returning: outputs, execution: running.execution())
    }
}

/// Multiplies a user's matrices.
struct ApplyGemmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemm",
        abstract: "Computes C = alpha op(A) op(B) + beta C.",
        discussion: """
            Reads the F32 tensors a and b, of rank 2 [rows, columns] or rank 3 [batch, rows, columns], and c where beta \
            is not 0. Writes c.
            """)

    @Option(help: ArgumentHelp("The safetensors file to read.", valueName: "file"))
    var input: String

    @Option(help: ArgumentHelp("The safetensors file to write; it appears complete or not at all.", valueName: "file"))
    var output: String

    @OptionGroup var gemm: GemmArguments
    @OptionGroup var running: ExecutionArguments

    func run() throws {
        try Apply.gemm(
            input: input, output: output, options: gemm.options, kernel: running.attentionKernel(),
            execution: running.execution())
    }
}
