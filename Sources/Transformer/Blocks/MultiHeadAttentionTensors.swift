import AttentionKernels

/// What a block of attention gives on tensors.
public struct MultiHeadResult: Sendable {
    /// `[batch, queryLength, hidden]`.
    public let output: Tensor
    /// The attention weights asked for: `[batch, heads, queryLength, keyLength]`, or without `heads` their mean.
    public let weights: Tensor?
}

/// Which attention weights a block returns.
public enum ReturnedWeights: String, Sendable, Hashable, CaseIterable {
    /// None.
    case none
    /// Those of each head.
    case perHead
    /// The mean over the heads.
    case averaged
}

extension MultiHeadAttention {
    /// The block on tensors, with any mask, bias, causality and key lengths of `options`.
    ///
    /// - Parameters:
    ///   - query: `[batch, queryLength, hidden]`.
    ///   - key: `[batch, keyLength, keyWidth]`; nil for `query` itself, and only then for a block of self-attention.
    ///   - value: `[batch, keyLength, valueWidth]`; nil for `key`.
    ///   - options: masks, bias, causality, padding by key lengths, scores.
    ///   - returning: the attention weights wanted beside the output.
    ///   - kernel: the kernel.
    ///   - execution: threads and instruction set.
    /// - Returns: the output, and the weights asked for.
    /// - Throws: ``TransformerError`` or `KernelError` if an argument is wrong.
    /// - Complexity: O(*queryLength · keyLength · heads · headSize*) and that of the projections.
    public func callAsFunction(
        query: Tensor, key: Tensor? = nil, value: Tensor? = nil, options: AttentionOptions = AttentionOptions(),
        returning: ReturnedWeights = .none, kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws -> MultiHeadResult {
        for (name, tensor) in [("query", query), ("key", key ?? query), ("value", value ?? key ?? query)]
        where tensor.shape.count != 3 {
            throw TransformerError(
                .invalidInput, name, "its shape is \(tensor.shape); it should be [batch, length, width]")
        }
        let (q, k, v) = try projected(query, key, value, execution)
        let result = try kernel.attend(
            query: q, key: k, value: v, options: options, returning: returning == .none ? [] : .weights,
            execution: execution)
        // [batch, heads, length, width] to [batch, length, heads * width].
        let rows = try result.output.transposed(1, 2).contiguous()
        let joined = try Tensor(shape: [query.shape[0], query.shape[1], attendedWidth], elements: rows.elements)
        let weights = try result.weights.map { returning == .averaged ? try Self.meanOverHeads($0) : $0 }
        return MultiHeadResult(output: try output(joined, execution: execution), weights: weights)
    }

    private func projected(
        _ query: Tensor, _ key: Tensor?, _ value: Tensor?, _ execution: Execution
    ) throws -> (query: TensorView, key: TensorView, value: TensorView) {
        switch projection {
        case .packed(let linear):
            guard key == nil, value == nil else {
                throw TransformerError(
                    .invalidInput, "key", "it is given; a block of self-attention should get the query alone")
            }
            let rows = try linear(query, execution: execution)
            return (
                try part(rows, heads, headSize, 0), try part(rows, kvHeads, headSize, keyColumn),
                try part(rows, kvHeads, valueSize, valueColumn)
            )
        case .paired(let queries, let keyValue):
            guard let key, value == nil else {
                throw TransformerError(
                    .invalidInput, key == nil ? "key" : "value",
                    "this block should get a query, and a key that is the value too")
            }
            let rows = try keyValue(key, execution: execution)
            return (
                try part(try queries(query, execution: execution), heads, headSize, 0),
                try part(rows, kvHeads, headSize, 0), try part(rows, kvHeads, valueSize, kvHeads * headSize)
            )
        case .separate(let queries, let keys, let values):
            guard let key, let value else {
                throw TransformerError(.invalidInput, "key", "this block should get query, key and value")
            }
            return (
                try part(try queries(query, execution: execution), heads, headSize, 0),
                try part(try keys(key, execution: execution), kvHeads, headSize, 0),
                try part(try values(value, execution: execution), kvHeads, valueSize, 0)
            )
        }
    }

    /// Heads of `[batch, length, width]` rows as `[batch, heads, length, size]`.
    private func part(_ rows: Tensor, _ heads: Int, _ size: Int, _ column: Int) throws(KernelError) -> TensorView {
        let (batch, length, width) = (rows.shape[0], rows.shape[1], rows.shape[2])
        return try rows.strided(
            shape: [batch, heads, length, size], strides: [length * width, size, width, 1], offset: column)
    }

    private static func meanOverHeads(_ weights: Tensor) throws(KernelError) -> Tensor {
        let (batch, heads) = (weights.shape[0], weights.shape[1])
        let map = weights.shape[2] * weights.shape[3]
        let elements = weights.elements
        return try Tensor(shape: [batch, weights.shape[2], weights.shape[3]]) { index in
            let first = index / max(map, 1) * heads * map + index % max(map, 1)
            return (0..<heads).reduce(Float(0)) { $0 + elements[first + $1 * map] } / Float(heads)
        }
    }
}
