import AttentionKernels
import Safetensors

/// What the command line says about a matrix product whose tensors lie in a file.
public struct GemmFileOptions: Sendable {
    /// Whether `a` is read transposed.
    public var transposeA: Bool
    /// Whether `b` is read transposed.
    public var transposeB: Bool
    /// The factor of the product.
    public var alpha: Float
    /// The factor of `c`.
    public var beta: Float

    /// Options.
    public init(transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1, beta: Float = 0) {
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.alpha = alpha
        self.beta = beta
    }
}

extension GemmWorkload {
    static let inputNames = ["a", "b", "c"]

    /// The workload whose tensors lie in `file`: `a` and `b` of F32 and rank 2 or 3, and `c` where `beta` is not 0.
    ///
    /// - Throws: ``SafetensorsError``, ``HarnessError`` or ``KernelError`` that names the tensor at fault.
    public init(file: SafetensorsFile, options: GemmFileOptions) throws {
        try file.requireOnly(Self.inputNames)
        let (a, b) = (try file.floatTensor("a"), try file.floatTensor("b"))
        self.init(
            a: a, b: b, c: file.contains("c") ? try file.floatTensor("c") : nil, transposeA: options.transposeA,
            transposeB: options.transposeB, alpha: options.alpha, beta: options.beta)
        if options.beta != 0 && c == nil {
            throw HarnessError("\(file.path): tensor \"c\" is missing; --beta \(options.beta) needs it")
        }
    }
}
