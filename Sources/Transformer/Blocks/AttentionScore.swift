import AttentionKernels

/// How alike a query and a key are, before the softmax turns scores into the weights of a sum of values.
///
/// ```
/// plain           qᵀ k                  the weighted sum in its simplest form
/// multiplicative  qᵀ W k                (Luong, Pham and Manning 2015, section 3.1, "general")
/// normalised      qᵀ k / sqrt(width)    ("Attention Is All You Need", section 3.2.1, equation 1)
/// ```
public enum AttentionScore: Sendable {
    /// The dot product.
    case plain
    /// The dot product with the query times a trained matrix: a ``Linear`` from the query's width to the key's, whose
    /// weight is `Wᵀ`.
    case multiplicative(Linear)
    /// The dot product over the root of the width, whose variance does not grow with it.
    case normalized

    /// Attention by this score.
    ///
    /// - Parameters:
    ///   - query: `[batch, queryLength, width]`.
    ///   - key: `[batch, keyLength, keyWidth]`; the width is the query's but for `multiplicative`.
    ///   - value: `[batch, keyLength, valueWidth]`.
    ///   - options: masks, bias, causality, key lengths; a scale of its own is multiplied in.
    ///   - kernel: the kernel.
    ///   - execution: threads and instruction set.
    /// - Returns: the sums `[batch, queryLength, valueWidth]` and the weights `[batch, queryLength, keyLength]`.
    /// - Throws: ``TransformerError`` if a tensor has not three dimensions, `KernelError` if sizes disagree.
    /// - Complexity: O(*batch · queryLength · keyLength · (width + valueWidth)*).
    public func attend(
        query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = AttentionOptions(),
        kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws -> (output: Tensor, weights: Tensor) {
        for (name, tensor) in [("query", query), ("key", key), ("value", value)] where tensor.shape.count != 3 {
            throw TransformerError(
                .invalidInput, name, "its shape is \(tensor.shape); it should be [batch, length, width]")
        }
        var (query, options) = (query, options)
        switch self {
        case .plain: options.scale = options.scale ?? 1
        case .multiplicative(let matrix):
            query = try matrix(query, execution: execution)
            options.scale = options.scale ?? 1
        case .normalized:
            let natural = 1 / Float(max(query.shape[2], 1)).squareRoot()
            options.scale = (options.scale ?? 1) * natural
        }
        let result = try kernel.attend(
            query: Self.oneHead(query), key: Self.oneHead(key), value: Self.oneHead(value), options: options,
            returning: .weights, execution: execution)
        guard let weights = result.weights else { preconditionFailure("the weights were asked for") }
        return (try Self.withoutHead(result.output), try Self.withoutHead(weights))
    }

    private static func oneHead(_ x: Tensor) throws(KernelError) -> TensorView {
        let (length, width) = (x.shape[1], x.shape[2])
        return try x.strided(
            shape: [x.shape[0], 1, length, width], strides: [length * width, length * width, width, 1])
    }

    private static func withoutHead(_ x: Tensor) throws(KernelError) -> Tensor {
        try Tensor(shape: [x.shape[0], x.shape[2], x.shape[3]], elements: x.elements)
    }
}
