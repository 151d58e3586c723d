import AttentionKernels

// Rotary position embedding of opset 23: pairs of columns turn by an angle of the row's position.

extension ONNXNode {
    /// `X` is `[batch, heads, length, width]` or `[batch, length, heads * width]`. The caches are `[positions, half]`
    /// with position_ids, else `[batch, length, half]`.
    func rotaryEmbedding(_ execution: Execution) throws -> [String: ONNXTensor] {
        let x = try floats("X")
        let cosines = try floats("cos_cache")
        let sines = try floats("sin_cache")
        let isPacked = x.shape.count == 3
        guard isPacked || x.shape.count == 4 else {
            throw ONNXError.invalid("X has the shape \(x.shape); it should have rank 3 or 4")
        }
        let heads = isPacked ? try attributes.integer("num_heads") ?? 0 : x.shape[1]
        guard heads > 0, !isPacked || x.shape[2] % heads == 0 else {
            throw ONNXError.invalid("an X of rank 3 needs num_heads that divide its last dimension")
        }
        let (batch, length) = (x.shape[0], isPacked ? x.shape[1] : x.shape[2])
        let width = isPacked ? x.shape[2] / heads : x.shape[3]
        let turned = try attributes.integer("rotary_embedding_dim") ?? 0
        let half = (turned == 0 ? width : turned) / 2
        guard turned >= 0, turned <= width, (turned == 0 ? width : turned) % 2 == 0 else {
            throw ONNXError.invalid("rotary_embedding_dim is \(turned); it should be even and at most \(width)")
        }
        guard cosines.shape == sines.shape, cosines.shape.last == half else {
            throw ONNXError.invalid(
                "the caches have the shapes \(cosines.shape) and \(sines.shape); their last dimension "
                    + "should be \(half)")
        }
        // A row for each token, or for each head of one, whose heads then lie apart.
        let positions = try cacheRows(batch, length, cosines.shape)
        let rows =
            isPacked
            ? positions
            : (0..<batch * heads * length).map { positions[$0 / (heads * length) * length + $0 % length] }
        let columns = isPacked ? heads * width : width
        var result = try Tensor(shape: [rows.count, columns], elements: x.elements)
        let table = MatrixLayout(rows: cosines.elements.count / max(half, 1), columns: half)
        try rotate(
            nil, heads: isPacked ? heads : 1, rotated: 2 * half, interleaved: try attributes.flag("interleaved"),
            cosines: MatrixInput(cosines.elements.span, table), sines: MatrixInput(sines.elements.span, table),
            positions: rows.span,
            into: MatrixOutput(result.mutableSpan, MatrixLayout(rows: rows.count, columns: columns)),
            execution: execution)
        return ["Y": ONNXTensor(shape: x.shape, result.elements, roundedTo: x.type)]
    }

    /// The row of the caches for each position of each sequence.
    private func cacheRows(_ batch: Int, _ length: Int, _ shape: [Int]) throws -> [Int] {
        guard inputs["position_ids"] != nil else {
            guard shape.count == 3, shape[0] == batch, shape[1] == length else {
                throw ONNXError.invalid(
                    "without position_ids the caches should be [\(batch), \(length), half], not \(shape)")
            }
            return Array(0..<batch * length)
        }
        let ids = try integers("position_ids")
        guard shape.count == 2, ids.count == batch * length, ids.allSatisfy((0..<shape[0]).contains) else {
            throw ONNXError.invalid(
                "position_ids should be [\(batch), \(length)] with positions in 0 ..< \(shape[0]) of caches of rank 2")
        }
        return ids
    }
}
