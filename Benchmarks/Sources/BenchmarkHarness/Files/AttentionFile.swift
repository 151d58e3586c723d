import AttentionKernels
import Safetensors

/// What the command line says about an attention whose tensors lie in a file.
public struct AttentionFileOptions: Sendable {
    /// Which keys a query may see by position.
    public var causality: Causality
    /// The factor of the scores; nil for `1 / sqrt(headDim)`.
    public var scale: Float?
    /// Whether a nonzero byte of `mask` keeps the key visible; else it drops it.
    public var maskKeeps: Bool

    /// Options.
    public init(causality: Causality = .none, scale: Float? = nil, maskKeeps: Bool = true) {
        self.causality = causality
        self.scale = scale
        self.maskKeeps = maskKeeps
    }

    /// Reads `none`, `top-left`, `bottom-right` or an integer offset.
    public static func causality(_ text: String) throws(HarnessError) -> Causality {
        switch text {
        case "none": return .none
        case "top-left": return .topLeft
        case "bottom-right": return .bottomRight
        default:
            guard let offset = Int(text) else {
                throw HarnessError("--causal: \"\(text)\" should be none, top-left, bottom-right or an integer offset")
            }
            return .offset(offset)
        }
    }
}

extension AttentionWorkload {
    static let inputNames = ["q", "k", "v", "mask", "bias", "kv_lengths"]

    /// The workload whose tensors lie in `file`: `q`, `k` and `v` of F32 and one rank from 2 to 4, and where
    /// present `mask` of BOOL or U8, `bias` of F32 and `kv_lengths` of I64 or I32.
    ///
    /// - Throws: ``SafetensorsError``, ``HarnessError`` or ``KernelError`` that names the tensor at fault.
    public init(file: SafetensorsFile, options: AttentionFileOptions) throws {
        try file.requireOnly(Self.inputNames)
        let (query, key, value) = (
            try file.floatTensor("q"), try file.floatTensor("k"), try file.floatTensor("v")
        )
        self.init(query: query, key: key, value: value, causality: options.causality, scale: options.scale)
        if file.contains("mask") {
            let stored = try file.tensor("mask")
            guard stored.type == .bool || stored.type == .uint8 else { throw stored.wrongType([.bool, .uint8]) }
            mask = Mask(shape: stored.shape, bytes: stored.bytes(), keeps: options.maskKeeps)
        }
        if file.contains("bias") { bias = try file.floatTensor("bias") }
        if file.contains("kv_lengths") {
            let stored = try file.tensor("kv_lengths")
            guard stored.type == .int64 || stored.type == .int32 else { throw stored.wrongType([.int64, .int32]) }
            guard stored.shape.count <= 1 else {
                throw HarnessError(
                    "\(file.path): tensor \"kv_lengths\" has the shape \(stored.shape); it should be [batch]")
            }
            keyLengths = try stored.integers()
        }
    }
}
