// Layouts of tensors of lower rank: leading dimensions of size 1 are put in front.

extension AttentionLayout {
    /// The layout of a tensor or view of rank 2, 3 or 4 as an argument of attention.
    init(_ argument: KernelError.Argument, shape: [Int], strides: [Int], offset: Int) throws(KernelError) {
        guard (2...4).contains(shape.count) else {
            throw KernelError(
                .wrongRank, argument,
                "shape \(shape) has rank \(shape.count); it should be [length, width], [heads, length, width] or "
                    + "[batch, heads, length, width]")
        }
        let rank = shape.count
        guard strides[rank - 1] == 1 || shape[rank - 1] <= 1 || shape.contains(0) else {
            throw KernelError(
                .notContiguous, argument,
                "the last dimension of shape \(shape) has stride \(strides[rank - 1]); it should be 1, as contiguous() "
                    + "makes it")
        }
        self.init(
            batch: rank > 3 ? shape[rank - 4] : 1, heads: rank > 2 ? shape[rank - 3] : 1,
            length: shape[rank - 2], width: shape[rank - 1],
            batchStride: rank > 3 ? strides[rank - 4] : 0, headStride: rank > 2 ? strides[rank - 3] : 0,
            rowStride: strides[rank - 2], offset: offset)
    }
}

extension ScoreLayout {
    /// The layout of a mask or bias of rank 1 to 4, repeated over the dimensions it lacks.
    init(_ argument: KernelError.Argument, shape: [Int], strides: [Int], offset: Int) throws(KernelError) {
        guard (1...4).contains(shape.count) else {
            throw KernelError(
                .wrongRank, argument,
                "shape \(shape) has rank \(shape.count); it should have 1 to 4 dimensions, the last of them "
                    + "[batch, heads, queryLength, keyLength]")
        }
        let rank = shape.count
        self.init(
            batch: rank > 3 ? shape[rank - 4] : 1, heads: rank > 2 ? shape[rank - 3] : 1,
            queryLength: rank > 1 ? shape[rank - 2] : 1, keyLength: shape[rank - 1],
            batchStride: rank > 3 ? strides[rank - 4] : 0, headStride: rank > 2 ? strides[rank - 3] : 0,
            rowStride: rank > 1 ? strides[rank - 2] : 0, columnStride: strides[rank - 1], offset: offset)
    }
}
