import AttentionKernels

extension AttentionWorkload {
    /// The maps of the weights, from the log-sum-exp that a call returned.
    ///
    /// - Throws: ``KernelError`` if the request does not fit the shapes, or there is not enough memory.
    func maps(
        _ request: AttentionMapRequest, lse: Tensor, execution: Execution
    ) throws(KernelError) -> AttentionMaps {
        func typed(
            _ query: some NumberTensor, _ key: some NumberTensor
        ) throws(KernelError) -> AttentionMaps {
            try AttentionMaps(
                request, query: query.typed, key: key.typed, lse: lse, options: options, execution: execution)
        }
        return try typed(query, key)
    }

    /// The options of a call on tensors.
    var options: AttentionOptions {
        get throws(KernelError) {
            func view(_ tensor: some NumberTensor) -> any StridedTensor { tensor.typed }
            var options = AttentionOptions(
                causality: causality, scale: scale, bias: bias.map { view($0) }, keyLengths: keyLengths,
                keepsFloatProbabilities: keepsFloatProbabilities, visibility: visibility, scores: scores)
            if let mask {
                let scores = try ScoreMask(shape: mask.shape, bytes: mask.bytes)
                options.mask = mask.keeps ? .keep(scores) : .drop(scores)
            }
            options.visibility.blocks = try blockMask
            return options
        }
    }

    /// The mask of blocks, as calls take it.
    var blockMask: BlockMask? {
        get throws(KernelError) {
            guard let blocks else { return nil }
            return BlockMask(
                queryBlock: blocks.queryBlock, keyBlock: blocks.keyBlock,
                visible: try ScoreMask(shape: blocks.shape, bytes: blocks.bytes))
        }
    }
}
