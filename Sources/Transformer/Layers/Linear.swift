import AttentionKernels

/// The stored weights of a linear layer.
public struct LinearWeights: Sendable {
    /// `[outputs, inputs]`.
    public var weight: StoredWeight
    /// `[outputs]`, or nil.
    public var bias: StoredWeight?

    /// Weights of a layer.
    public init(_ weight: StoredWeight, bias: StoredWeight? = nil) {
        self.weight = weight
        self.bias = bias
    }
}

/// A linear layer: `y = activation(x Wᵀ + b)`, `W` `[outputs, inputs]`.
///
/// The matrix is packed once in the order the kernels read, in the format it is stored in: quantised weights stay
/// quantised. Bias, activation and the sum with a residual happen in registers before the result is stored. Several
/// matrices over the same input can be one layer, whose outputs follow each other: query, key and value are one product.
public struct Linear: Sendable {
    /// The number of columns of the input.
    public let inputs: Int
    /// The number of columns of the output.
    public let outputs: Int
    /// What is added to each column.
    public let bias: Tensor?
    let weight: PackedMatrix
    private let arithmetic: MatmulArithmetic

    /// A layer over stored weights.
    ///
    /// - Parameters:
    ///   - parts: matrices with the same number of inputs; their outputs follow each other. All have a bias or none has.
    ///   - precision: what the inputs will be.
    ///   - execution: the threads of packing, and the instruction set of the calls.
    /// - Throws: ``TransformerError`` if the shapes disagree, `KernelError` if memory runs out.
    /// - Complexity: O(*inputs · outputs*).
    public init(
        _ parts: [LinearWeights], precision: Precision = .float32, execution: Execution = .shared
    ) throws {
        guard let first = parts.first?.weight, first.shape.count == 2 else {
            throw TransformerError(
                .shapeMismatch, parts.first?.weight.name ?? "weights",
                "the shape is \(parts.first?.weight.shape ?? []); it should be [outputs, inputs]")
        }
        let inputs = first.shape[1]
        for weight in parts.map(\.weight) where weight.shape.count != 2 || weight.shape[1] != inputs {
            throw TransformerError(
                .shapeMismatch, weight.name,
                "its shape is \(weight.shape); beside \(first.name) it should be [outputs, \(inputs)]")
        }
        let biases = parts.compactMap(\.bias)
        guard biases.isEmpty || biases.map(\.shape) == parts.map({ [$0.weight.shape[0]] }) else {
            throw TransformerError(
                .shapeMismatch, biases[0].name,
                "the biases have the shapes \(biases.map(\.shape)); they should be \(parts.map { [$0.weight.shape[0]] })"
            )
        }
        self.inputs = inputs
        outputs = parts.reduce(0) { $0 + $1.weight.shape[0] }
        bias = biases.isEmpty ? nil : try StoredWeight.joined(biases).tensor(execution: execution)
        let joined = try StoredWeight.joined(parts.map(\.weight))
        weight = try joined.packed(for: precision, execution: execution)
        arithmetic = precision == .integer16 && joined.format.isQuantized ? .integer16 : .float
    }

    /// A layer over tensors.
    ///
    /// - Parameters:
    ///   - weight: `[outputs, inputs]`.
    ///   - bias: `[outputs]`, or nil.
    ///   - precision: what the inputs will be.
    ///   - execution: the threads of packing, and the instruction set of the calls.
    /// - Throws: ``TransformerError`` if the shapes disagree, `KernelError` if memory runs out.
    public init(
        weight: Tensor, bias: Tensor? = nil, precision: Precision = .float32, execution: Execution = .shared
    ) throws {
        let bias = try bias.map { try StoredWeight(name: "bias", $0) }
        try self.init(
            [LinearWeights(StoredWeight(name: "weight", weight), bias: bias)], precision: precision,
            execution: execution)
    }

    /// Applies the layer in borrowed memory; nothing is allocated.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`.
    ///   - y: `[rows, outputs]`.
    ///   - activation: what is applied to the sum.
    ///   - accumulating: whether the result is added to what `y` holds, the residual; then there is no activation.
    ///   - execution: threads; its instruction set must be the one the layer was made for.
    /// - Throws: `KernelError` if an argument is wrong.
    /// - Complexity: O(*rows · inputs · outputs*).
    public func apply(
        _ x: MatrixInput, into y: consuming MatrixOutput, activation: Activation = .none, accumulating: Bool = false,
        execution: Execution = .shared
    ) throws(KernelError) {
        precondition(!accumulating || activation == .none, "an activation would take in the residual")
        try matmul(
            x, packed: weight, into: y, beta: accumulating ? 1 : 0,
            epilogue: EpilogueInput(bias: bias?.span, activation: activation), arithmetic: arithmetic,
            execution: execution)
    }

    /// Applies the layer to a tensor `[rows, inputs]` of `Float`.
    ///
    /// - Throws: `KernelError` if the shape is wrong.
    public func callAsFunction(
        _ x: Tensor, activation: Activation = .none, execution: Execution = .shared
    ) throws(KernelError) -> Tensor {
        let rows = x.shape.dropLast().reduce(1, *)
        var y = try Tensor(shape: x.shape.dropLast() + [outputs])
        try apply(
            MatrixInput(x.span, MatrixLayout(rows: rows, columns: x.shape.last ?? 0)),
            into: MatrixOutput(y.mutableSpan, MatrixLayout(rows: rows, columns: outputs)), activation: activation,
            execution: execution)
        return y
    }
}
