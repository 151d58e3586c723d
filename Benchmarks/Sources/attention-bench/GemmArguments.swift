import ArgumentParser
import BenchmarkHarness

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
