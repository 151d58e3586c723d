// Agreement between the shapes of a problem's arguments, which C, having one set of sizes, cannot see.

extension AttentionProblem {
    var batch: Int { query.layout.batch }
    var heads: Int { query.layout.heads }
    var kvHeads: Int { key.layout.heads }
    var queryLength: Int { query.layout.length }
    var keyLength: Int { key.layout.length }
    var headDim: Int { query.layout.width }
    var valueDim: Int { value.layout.width }

    /// Throws if two inputs disagree on a size they share.
    func checkInputs() throws(KernelError) {
        try require(.key, key.layout, \.batch, "batch", batch, "query", query.layout)
        try require(.key, key.layout, \.width, "headDim", headDim, "query", query.layout)
        try require(.value, value.layout, \.batch, "batch", batch, "query", query.layout)
        try require(.value, value.layout, \.heads, "kvHeads", kvHeads, "key", key.layout)
        try require(.value, value.layout, \.length, "keyLength", keyLength, "key", key.layout)
        if let count = keyLengthsCount, count != batch {
            throw KernelError(
                .shapeMismatch, .keyLengths,
                "there are \(count), but batch is \(batch) in query \(query.layout.shapeText)")
        }
    }

    /// Throws if an output's layout is not `[batch, heads, queryLength, width]`.
    func checkOutput(
        _ argument: KernelError.Argument, _ layout: AttentionLayout, width: Int, _ widthName: String
    ) throws(KernelError) {
        let expected = AttentionLayout.bhsd(batch: batch, heads: heads, length: queryLength, width: width)
        guard layout.sizes == expected.sizes else {
            throw KernelError(
                .shapeMismatch, argument,
                "shape \(layout.shapeText) should be \(expected.shapeText) (batch, heads, queryLength, \(widthName))")
        }
    }

    private func require(
        _ argument: KernelError.Argument, _ layout: AttentionLayout, _ size: KeyPath<AttentionLayout, Int>,
        _ name: String, _ expected: Int, _ other: String, _ otherLayout: AttentionLayout
    ) throws(KernelError) {
        if layout[keyPath: size] == expected { return }
        throw KernelError(
            .shapeMismatch, argument,
            "shape \(layout.shapeText) (batch, heads, length, width), but \(name) is \(expected) in \(other) "
                + otherLayout.shapeText)
    }
}

extension AttentionLayout {
    /// The sizes, comparable without an allocation.
    var sizes: SIMD4<Int> { SIMD4(batch, heads, length, width) }

    var shapeText: String { "[\(batch), \(heads), \(length), \(width)]" }

    var fullText: String {
        "\(shapeText) with strides [\(batchStride), \(headStride), \(rowStride), 1]"
            + (offset == 0 ? "" : " and offset \(offset)")
    }
}

extension ScoreLayout {
    var shapeText: String { "[\(batch), \(heads), \(queryLength), \(keyLength)]" }

    var fullText: String {
        "\(shapeText) with strides [\(batchStride), \(headStride), \(rowStride), \(columnStride)]"
            + (offset == 0 ? "" : " and offset \(offset)")
    }
}
