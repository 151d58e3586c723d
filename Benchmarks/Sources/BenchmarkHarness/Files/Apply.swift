import AttentionKernels
import Safetensors

/// Computes what a file's tensors ask for and writes the result to another file.
public enum Apply {
    /// Reads `q`, `k`, `v` and their options from the file at `input` and writes `o`, and `lse` and `weights` where
    /// wanted, to the file at `output`, all of the inputs' rank.
    ///
    /// - Throws: an error of one sentence; the file at `output` then is what it was.
    public static func attention(
        input: String, output: String, options: AttentionFileOptions, kernel: AttentionKernel,
        returning outputs: AttentionOutputs, execution: Execution
    ) throws {
        let workload = try AttentionWorkload(file: SafetensorsFile(path: input), options: options)
        let result = try workload.attend(kernel, returning: outputs, execution: execution)
        var writer = SafetensorsWriter()
        try writer.add("o", result.output)
        if let lse = result.lse { try writer.add("lse", lse) }
        if let weights = result.weights { try writer.add("weights", weights) }
        try writer.write(path: output)
    }

    /// Reads `a`, `b` and perhaps `c` from the file at `input` and writes the product `c` to the file at `output`.
    ///
    /// - Throws: an error of one sentence; the file at `output` then is what it was.
    public static func gemm(
        input: String, output: String, options: GemmFileOptions, kernel: AttentionKernel, execution: Execution
    ) throws {
        let workload = try GemmWorkload(file: SafetensorsFile(path: input), options: options)
        var writer = SafetensorsWriter()
        try writer.add("c", try workload.multiply(kernel, execution: execution))
        try writer.write(path: output)
    }
}
