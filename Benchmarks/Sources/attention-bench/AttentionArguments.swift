import ArgumentParser
import BenchmarkHarness

/// What attention is computed, besides the tensors of the file.
struct AttentionArguments: ParsableArguments {
    @Option(parsing: .unconditional, help: "The factor of Q K^T; without it 1/sqrt(headDim).")
    var scale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Which keys a query sees by position: none, top-left, bottom-right, or the offset o of keys j <= i + o.",
            valueName: "none|top-left|bottom-right|offset"))
    var causal = "none"

    @Option(
        help: ArgumentHelp(
            "What a true element of the tensor mask means: keep the key or drop it.", valueName: "keep|drop"))
    var maskKind = "keep"

    func options() throws -> AttentionFileOptions {
        guard maskKind == "keep" || maskKind == "drop" else {
            throw HarnessError("--mask-kind: \"\(maskKind)\" should be keep or drop")
        }
        return AttentionFileOptions(
            causality: try AttentionFileOptions.causality(causal), scale: scale, maskKeeps: maskKind == "keep")
    }
}

/// What product is computed, besides the tensors of the file.
struct GemmArguments: ParsableArguments {
    @Flag(help: "Read a transposed: it is stored [k, m].")
    var transposeA = false

    @Flag(help: "Read b transposed: it is stored [n, k].")
    var transposeB = false

    @Option(parsing: .unconditional, help: "The factor of the product.")
    var alpha: Float = 1

    @Option(parsing: .unconditional, help: "The factor of c.")
    var beta: Float = 0

    var options: GemmFileOptions {
        GemmFileOptions(transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta)
    }
}
