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
    /// The element type of the product; nil for that of `c`, or else of `a`.
    public var outputType: DataType?

    /// Options.
    public init(
        transposeA: Bool = false, transposeB: Bool = false, alpha: Float = 1, beta: Float = 0,
        outputType: DataType? = nil
    ) {
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.alpha = alpha
        self.beta = beta
        self.outputType = outputType
    }
}

extension GemmWorkload {
    static let inputNames = ["a", "b", "c"]

    /// The workload whose tensors lie in `file`: `a` and `b` of F32, BF16 or F16 and rank 2 or 3, and `c` where `beta` is not 0.
    ///
    /// - Throws: ``SafetensorsError``, ``HarnessError`` or ``KernelError`` that names the tensor at fault.
    public init(file: SafetensorsFile, options: GemmFileOptions) throws {
        try file.requireOnly(Self.inputNames)
        let (a, b) = (try file.numberTensor("a"), try file.numberTensor("b"))
        for (name, tensor) in [("a", a), ("b", b)] where !(2...3).contains(tensor.shape.count) {
            throw HarnessError(
                "\(file.path): tensor \"\(name)\" has the shape \(tensor.shape); it should have 2 or 3 dimensions: batch, "
                    + "rows, columns")
        }
        let c = file.contains("c") ? try file.numberTensor("c") : nil
        if let c, let type = options.outputType, c.dataType != type, options.beta != 0 {
            throw HarnessError(
                "\(file.path): tensor \"c\" is \(c.dataType.shortName); with --output-dtype \(type.shortName) it should be "
                    + "of that type")
        }
        self.init(
            a: a, b: b, c: c, transposeA: options.transposeA, transposeB: options.transposeB, alpha: options.alpha,
            beta: options.beta, outputType: options.outputType)
        if options.beta != 0 && c == nil {
            throw HarnessError("\(file.path): tensor \"c\" is missing; --beta \(options.beta) needs it")
        }
    }
}
