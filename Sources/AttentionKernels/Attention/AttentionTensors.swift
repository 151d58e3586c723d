// Attention on tensors: shapes become layouts here, and the rest is the call on borrowed memory.

extension AttentionKernel {
    /// Attention of tensors or views of them, into a new tensor.
    ///
    /// ```swift
    /// let o = try AttentionKernel.fused.forward(query: q, key: k, value: v, causality: .bottomRight)
    /// ```
    ///
    /// The tensors have rank 4, `[batch, heads, length, width]`, or rank 3 without the batch, or rank 2 without batch and
    /// heads; the result has the same rank. Views of data in another order work by their strides, as long as the last
    /// dimension is contiguous. There may be fewer key-value heads than heads, if they divide them. Each may have
    /// elements of any ``TensorElement``; the result has those of the query.
    ///
    /// - Parameters:
    ///   - query: `[batch, heads, queryLength, headDim]`.
    ///   - key: `[batch, kvHeads, keyLength, headDim]`.
    ///   - value: `[batch, kvHeads, keyLength, valueDim]`.
    ///   - causality: which keys a query may see by position.
    ///   - scale: the factor of `Q Kᵀ`, finite; nil for `1 / sqrt(headDim)`.
    ///   - mask: a mask broadcastable to `[batch, heads, queryLength, keyLength]`.
    ///   - bias: numbers added to the scaled scores, broadcastable likewise; minus infinity hides a key.
    ///   - keyLengths: how many keys each sequence of the batch really has.
    ///   - execution: threads and instruction set.
    /// - Returns: `[batch, heads, queryLength, valueDim]`; zeros where a query sees no key.
    /// - Throws: ``KernelError`` if an argument is wrong.
    public func forward<Element>(
        query: some StridedTensor<Element>, key: some StridedTensor, value: some StridedTensor,
        causality: Causality = .none, scale: Float? = nil, mask: AttentionMask? = nil,
        bias: (any StridedTensor)? = nil, keyLengths: [Int]? = nil, execution: Execution = .shared
    ) throws(KernelError) -> TypedTensor<Element> {
        let options = AttentionOptions(
            causality: causality, scale: scale, mask: mask, bias: bias, keyLengths: keyLengths)
        return try attend(query: query, key: key, value: value, options: options, execution: execution).output
    }

    /// Attention of tensors or views of them with the outputs asked for; ranks and shapes as in
    /// ``forward(query:key:value:causality:scale:mask:bias:keyLengths:execution:)``.
    ///
    /// - Throws: ``KernelError`` if an argument is wrong.
    public func attend<Element>(
        query: some StridedTensor<Element>, key: some StridedTensor, value: some StridedTensor,
        options: AttentionOptions = AttentionOptions(), returning outputs: AttentionOutputs = [],
        execution: Execution = .shared
    ) throws(KernelError) -> TypedAttentionResult<Element> {
        let call = try AttentionTensorCall(query.view, key.view, value.view, options)
        var output = try TypedTensor<Element>(uninitialized: call.shape(width: call.value.layout.width))
        var lse = outputs.contains(.lse) ? try Tensor(uninitialized: call.shape(width: nil)) : nil
        var weights =
            outputs.contains(.weights) ? try Tensor(uninitialized: call.shape(width: call.key.layout.length)) : nil
        try call.run(self, into: &output, lse: &lse, weights: &weights, execution: execution)
        return TypedAttentionResult(output: output, lse: lse, weights: weights)
    }

    /// Attention of tensors or views of them into a tensor that is there already; its shape must be that of the result.
    /// Its elements may be of another type than those of the
    /// inputs. Allocates nothing once `execution` has seen a problem of this size and no other tensor shares the memory of
    /// `output`.
    ///
    /// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
    public func forward(
        query: some StridedTensor, key: some StridedTensor, value: some StridedTensor,
        into output: inout TypedTensor<some TensorElement>,
        options: AttentionOptions = AttentionOptions(), execution: Execution = .shared
    ) throws(KernelError) {
        let call = try AttentionTensorCall(query.view, key.view, value.view, options)
        var lse: Tensor?
        var weights: Tensor?
        try call.run(self, into: &output, lse: &lse, weights: &weights, execution: execution)
    }
}
