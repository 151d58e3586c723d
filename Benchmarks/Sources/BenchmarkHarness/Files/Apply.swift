import AttentionKernels
import Safetensors

/// Computes what a file's tensors ask for and writes the result to another file.
public enum Apply {
    /// Reads `q`, `k`, `v` and their options from the file at `input` and writes `o`, and `lse`, `weights` and the
    /// ``mapNames`` where wanted, to the file at `output`, all of the inputs' rank.
    ///
    /// - Throws: an error of one sentence; the file at `output` then is what it was.
    public static func attention(
        input: String, output: String, options: AttentionFileOptions, kernel: AttentionKernel,
        returning outputs: AttentionOutputs, maps request: AttentionMapRequest? = nil, execution: Execution
    ) throws {
        let workload = try AttentionWorkload(file: SafetensorsFile(path: input), options: options)
        if !outputs.isEmpty || request != nil { try workload.requireNoCache(for: "lse, weights and maps") }
        let result = try workload.attend(
            kernel, returning: request == nil ? outputs : outputs.union(.lse), execution: execution)
        var writer = SafetensorsWriter()
        try writer.add("o", result.output)
        if let lse = result.lse, outputs.contains(.lse) { try writer.add("lse", lse) }
        if let weights = result.weights { try writer.add("weights", weights) }
        if let request, let lse = result.lse {
            try add(workload.maps(request, lse: lse, execution: execution), to: &writer)
        }
        try writer.write(path: output)
    }

    /// What files call the maps of weights.
    static let mapNames = ["map_weights", "column_mass", "entropy", "top_weights", "top_keys", "heat_map"]

    private static func add(_ maps: AttentionMaps, to writer: inout SafetensorsWriter) throws {
        let tensors = [maps.weights, maps.columnMass, maps.entropy, maps.topWeights, nil, maps.heatMap]
        for case (let name, let tensor?) in zip(mapNames, tensors) { try writer.add(name, tensor) }
        if let keys = maps.topKeys, let weights = maps.topWeights {
            try writer.add("top_keys", shape: weights.shape, integers: keys.map(Int.init))
        }
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
