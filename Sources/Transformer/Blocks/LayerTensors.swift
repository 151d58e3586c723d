import AttentionKernels

// Layers and encoders on tensors: what stacks do with packed rows, in a workspace of their own and in single precision.

extension EncoderLayer {
    /// The layer on the vectors of whole sequences.
    ///
    /// - Parameters:
    ///   - x: `[batch, length, hidden]`.
    ///   - lengths: how many tokens of each sequence there are, 1 to `length`; nil for all. Rows behind them are neither
    ///     seen nor computed, and 0 in the result.
    ///   - kernel: the kernel of attention.
    ///   - execution: threads and instruction set.
    /// - Returns: `[batch, length, hidden]`.
    /// - Throws: ``TransformerError`` or `KernelError` if an argument is wrong.
    /// - Complexity: O(*batch · length² · hidden*) and the products of the layer.
    public func callAsFunction(
        _ x: Tensor, lengths: [Int]? = nil, kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws -> Tensor {
        try EncoderStack([self], precision: .float32)(x, lengths: lengths, kernel: kernel, execution: execution)
    }
}

extension EncoderStack {
    /// All layers on the vectors of whole sequences, and the final norm.
    ///
    /// - Parameters:
    ///   - x: `[batch, length, hidden]`.
    ///   - lengths: how many tokens of each sequence there are, 1 to `length`; nil for all. Rows behind them are neither
    ///     seen nor computed, and 0 in the result.
    ///   - kernel: the kernel of attention.
    ///   - execution: threads and instruction set.
    /// - Returns: `[batch, length, hidden]`.
    /// - Throws: ``TransformerError`` if the stack is not in single precision or an argument is wrong, `KernelError` as its
    ///   products.
    public func callAsFunction(
        _ x: Tensor, lengths: [Int]? = nil, kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws -> Tensor {
        guard precision == .float32 else {
            throw TransformerError(
                .unsupportedFormat, "precision", "it is \(precision.rawValue); on tensors it should be float32")
        }
        let workspace = makeWorkspace()
        let rows = try SequenceRows("x", x, lengths, width: workspace.hidden.width)
        rows.fill(workspace.hidden)
        workspace.reserve(rows.packed.rowCount)
        try apply(
            rows.packed.groups,
            LayerRun(workspace: workspace, rows: 0..<rows.packed.rowCount, kernel: kernel, execution: execution))
        return try rows.tensor(workspace.hidden)
    }
}

extension DecoderLayer {
    /// The layer on the vectors of whole targets, each of which sees those before it, and on an encoder's output.
    ///
    /// - Parameters:
    ///   - x: `[batch, length, hidden]`.
    ///   - source: the encoder's output, `[batch, sourceLength, hidden]`, for a layer with cross-attention and no other.
    ///   - sourceLengths: how many tokens of each source there are, 1 to `sourceLength`; nil for all.
    ///   - rotary: rotary positions of queries and keys; nil for none.
    ///   - kernel: the kernel of attention.
    ///   - execution: threads and instruction set.
    /// - Returns: `[batch, length, hidden]`.
    /// - Throws: ``TransformerError`` or `KernelError` if an argument is wrong.
    /// - Complexity: O(*batch · length · (length + sourceLength) · hidden*) and the products of the layer.
    public func callAsFunction(
        _ x: Tensor, source: Tensor? = nil, sourceLengths: [Int]? = nil, rotary: RotaryPositions? = nil,
        kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws -> Tensor {
        try requireSelfAttention(attention)
        guard (source == nil) == (crossAttention == nil) else {
            throw TransformerError(
                .invalidInput, "source",
                source == nil ? "a layer with cross-attention needs one" : "this layer has no cross-attention for it")
        }
        let workspace = LayerWorkspace(
            attention, feedForward, precision: .float32, placement: attentionNorm.placement, rotates: rotary != nil)
        let rows = try SequenceRows("x", x, nil, width: workspace.hidden.width)
        rows.fill(workspace.hidden)
        workspace.reserve(rows.packed.rowCount)
        let run = LayerRun(
            workspace: workspace, rows: 0..<rows.packed.rowCount, kernel: kernel, execution: execution)
        let (batch, length) = (x.shape[0], x.shape[1])
        let positions = IndexBuffer()
        positions.reserve(rows.packed.rowCount)
        for position in rows.packed.positions { positions.append(position) }
        let place = Place(
            group: RowGroup(firstRow: 0, count: batch, length: length), sequences: 0..<batch, positions: positions,
            rotary: rotary)
        try apply(
            place, cache: Precision.float32.makeCache(batch: batch, capacity: length, attention),
            crossCache: try source.map { try crossCache(of: $0, sourceLengths, batch: batch, run) }, run)
        return try rows.tensor(workspace.hidden)
    }

    /// Keys and values of the encoder's output.
    private func crossCache(
        of source: Tensor, _ lengths: [Int]?, batch: Int, _ run: LayerRun
    ) throws -> any LayerCache {
        guard let attention = crossAttention, case .paired(_, let keyValue) = attention.projection else {
            throw TransformerError(
                .shapeMismatch, "crossAttention", "it has other widths of key and value; they should be one")
        }
        let rows = try SequenceRows("source", source, lengths, width: keyValue.inputs)
        guard source.shape[0] == batch else {
            throw TransformerError(
                .shapeMismatch, "source", "its shape is \(source.shape); its batch should be \(batch)")
        }
        let encoded = ActivationBuffer(width: keyValue.inputs)
        rows.fill(encoded)
        let scratch = ActivationBuffer(width: keyValue.outputs)
        scratch.reserve(rows.packed.rowCount)
        let cache = try Precision.float32.makeCache(batch: batch, capacity: source.shape[1], attention)
        try attention.fill(cache, from: encoded, rows.packed, repeating: 1, scratch: scratch, run)
        return cache
    }
}

/// The tokens of a tensor `[batch, length, width]` as packed rows, and back.
private struct SequenceRows {
    let packed: PackedSequences
    private let x: Tensor
    /// The row of the tensor behind each packed row.
    private let places: [Int]

    init(_ name: String, _ x: Tensor, _ lengths: [Int]?, width: Int) throws(TransformerError) {
        guard x.shape.count == 3, x.shape[0] > 0, x.shape[1] > 0, x.shape[2] == width else {
            throw TransformerError(
                .shapeMismatch, name, "its shape is \(x.shape); it should be [batch, length, \(width)], none of them 0")
        }
        let (batch, length) = (x.shape[0], x.shape[1])
        let lengths = lengths ?? [Int](repeating: length, count: batch)
        guard lengths.count == batch, lengths.allSatisfy((1...length).contains) else {
            throw TransformerError(
                .invalidInput, "lengths", "they are \(lengths); they should be \(batch) from 1 to \(length)")
        }
        self.x = x
        packed = PackedSequences(lengths.map { [Int](repeating: 0, count: $0) })
        places = lengths.indices.flatMap { sequence in (0..<lengths[sequence]).map { sequence * length + $0 } }
    }

    func fill(_ buffer: ActivationBuffer) {
        buffer.reserve(places.count)
        let (elements, width) = (x.span, x.shape[2])
        for (row, place) in places.enumerated() {
            buffer.setRow(row, elements.extracting(place * width..<(place + 1) * width))
        }
    }

    func tensor(_ buffer: ActivationBuffer) throws(KernelError) -> Tensor {
        var result = try Tensor(shape: x.shape)
        let width = x.shape[2]
        var elements = result.mutableSpan
        for (row, place) in places.enumerated() {
            let source = buffer.row(row)
            for column in 0..<width { elements[place * width + column] = source[column] }
        }
        return result
    }
}
