import AttentionKernels

/// Multi-head attention ("Attention Is All You Need", section 3.2.2):
///
/// ```
/// MultiHead(Q, K, V) = concat(head_1 ... head_h) Wᴼ
/// head_i = softmax(Q Wᵢᵠ (K Wᵢᴷ)ᵀ / sqrt(headSize)) V Wᵢⱽ
/// ```
///
/// Keys and values may have fewer heads than queries, each serving a group of them (Ainslie and others 2023), and in
/// cross-attention other widths than queries. For self-attention the three projections are one product; for
/// cross-attention those of key and value are, if their inputs have one width.
public struct MultiHeadAttention: Sendable {
    /// How the projections are computed.
    enum Projection: Sendable {
        case packed(Linear)
        case paired(query: Linear, keyValue: Linear)
        case separate(query: Linear, key: Linear, value: Linear)
    }

    /// The number of query heads.
    public let heads: Int
    /// The number of key-value heads.
    public let kvHeads: Int
    /// The width of a query and key of one head.
    public let headSize: Int
    /// The width of a value of one head.
    public let valueSize: Int
    let projection: Projection
    let output: Linear

    /// What a block attends to.
    public enum Source: Sendable {
        /// Its own input.
        case itself
        /// Another sequence, such as the output of an encoder.
        case other
    }

    /// A block over stored weights.
    ///
    /// - Parameters:
    ///   - query: `[heads * headSize, hidden]` and its bias.
    ///   - key: `[kvHeads * headSize, keyWidth]` and its bias; `keyWidth` is `hidden` for self-attention.
    ///   - value: `[kvHeads * valueSize, valueWidth]` and its bias; `valueWidth` is `hidden` for self-attention.
    ///   - output: `[hidden, heads * valueSize]` and its bias.
    ///   - heads: the number of query heads.
    ///   - kvHeads: the number of key-value heads, a divisor of `heads`; nil for `heads`.
    ///   - source: whether it attends to its own input or to another sequence.
    ///   - precision: what the inputs will be.
    ///   - execution: threads and instruction set.
    /// - Throws: ``TransformerError`` if the shapes disagree.
    public init(
        query: LinearWeights, key: LinearWeights, value: LinearWeights, output: LinearWeights, heads: Int,
        kvHeads: Int? = nil, source: Source = .itself, precision: Precision = .float32, execution: Execution = .shared
    ) throws {
        let kvHeads = kvHeads ?? heads
        try requirePositive(("heads", heads), ("kvHeads", kvHeads))
        try requireMultiple("heads", heads, of: "kvHeads", kvHeads)
        func width(_ weights: LinearWeights, _ heads: Int) throws(TransformerError) -> Int {
            let shape = weights.weight.shape
            guard shape.count == 2, shape[0] > 0, shape[0] % heads == 0 else {
                throw TransformerError(
                    .shapeMismatch, weights.weight.name,
                    "its shape is \(shape); it should be [outputs, inputs] with outputs a multiple of \(heads) heads")
            }
            return shape[0] / heads
        }
        (headSize, valueSize) = (try width(query, heads), try width(value, kvHeads))
        let keySize = try width(key, kvHeads)
        guard keySize == headSize else {
            throw TransformerError(
                .shapeMismatch, key.weight.name,
                "its heads have the width \(keySize); those of the query have \(headSize)")
        }
        func linear(_ parts: LinearWeights...) throws -> Linear {
            try Linear(parts, precision: precision, execution: execution)
        }
        let inputs = [query, key, value].map { $0.weight.shape[1] }
        if source == .itself {
            projection = .packed(try linear(query, key, value))
        } else if inputs[1] == inputs[2] {
            projection = .paired(query: try linear(query), keyValue: try linear(key, value))
        } else {
            projection = .separate(query: try linear(query), key: try linear(key), value: try linear(value))
        }
        self.output = try linear(output)
        self.heads = heads
        self.kvHeads = kvHeads
        guard self.output.inputs == heads * valueSize, self.output.outputs == inputs[0] else {
            throw TransformerError(
                .shapeMismatch, output.weight.name,
                "its shape is \(output.weight.shape); it should be [\(inputs[0]), \(heads * valueSize)]")
        }
    }

    /// The columns of query, key and value together.
    var projectedWidth: Int { (heads + kvHeads) * headSize + kvHeads * valueSize }
    /// The columns of the heads' outputs together.
    var attendedWidth: Int { heads * valueSize }
    /// Where keys and values begin in a packed row.
    var keyColumn: Int { heads * headSize }
    var valueColumn: Int { (heads + kvHeads) * headSize }
}

/// Throws if a block that a layer needs for its own input attends to another.
func requireSelfAttention(_ attention: MultiHeadAttention) throws(TransformerError) {
    guard case .packed = attention.projection else {
        throw TransformerError(
            .invalidConfiguration, "attention", "it attends to another sequence; it should be made with .itself")
    }
}

// Inside a stack.
extension MultiHeadAttention {
    /// Query, key and value of the rows of a self-attention, in one product.
    func project(_ run: LayerRun) throws(KernelError) {
        guard case .packed(let linear) = projection else {
            preconditionFailure("cross-attention has no packed projection")
        }
        try linear.apply(
            run.workspace.operand.input(run.rows), into: run.workspace.projected.output(run.rows),
            execution: run.execution)
    }

    /// Self-attention of whole sequences over the projected rows.
    func attend(_ groups: [RowGroup], _ run: LayerRun) throws(KernelError) {
        let (projected, attended) = (run.workspace.projected, run.workspace.attended)
        for group in groups {
            try run.kernel.forward(
                AttentionProblem(
                    query: projected.attentionInput(group, heads: heads, headSize: headSize),
                    key: projected.attentionInput(group, heads: kvHeads, headSize: headSize, column: keyColumn),
                    value: projected.attentionInput(group, heads: kvHeads, headSize: valueSize, column: valueColumn)),
                into: attended.attentionOutput(group, heads: heads, headSize: valueSize), execution: run.execution)
        }
    }

    /// The weights of the self-attention of one sequence, `[heads, length, length]`, from the operand of its layer.
    func weights(_ group: RowGroup, _ run: LayerRun) throws(KernelError) -> Tensor {
        try project(run)
        let projected = run.workspace.projected
        var weights = try Tensor(shape: [heads, group.length, group.length])
        try run.kernel.forward(
            AttentionProblem(
                query: projected.attentionInput(group, heads: heads, headSize: headSize),
                key: projected.attentionInput(group, heads: kvHeads, headSize: headSize, column: keyColumn),
                value: projected.attentionInput(group, heads: kvHeads, headSize: valueSize, column: valueColumn)),
            into: run.workspace.attended.attentionOutput(group, heads: heads, headSize: valueSize),
            weights: AttentionOutput(
                weights.mutableSpan, .bhsd(batch: 1, heads: heads, length: group.length, width: group.length)),
            execution: run.execution)
        return weights
    }

    /// Self-attention of the rows and all before them: their keys and values join the cache.
    func attend(
        _ group: RowGroup, appendingTo cache: any LayerCache, sequences: Range<Int>, _ run: LayerRun
    ) throws(KernelError) {
        let projected = run.workspace.projected
        try cache.append(
            query: projected.attentionInput(group, heads: heads, headSize: headSize),
            key: projected.attentionInput(group, heads: kvHeads, headSize: headSize, column: keyColumn),
            value: projected.attentionInput(group, heads: kvHeads, headSize: valueSize, column: valueColumn),
            into: run.workspace.attended.attentionOutput(group, heads: heads, headSize: valueSize),
            sequences: sequences, run)
    }

    /// Cross-attention of the rows over all keys of a cache.
    func attend(
        _ group: RowGroup, over cache: any LayerCache, sequences: Range<Int>, _ run: LayerRun
    ) throws(KernelError) {
        guard case .paired(let query, _) = projection else {
            preconditionFailure("the encoder's output is both key and value")
        }
        let width = heads * headSize
        try query.apply(
            run.workspace.operand.input(run.rows), into: run.workspace.projected.output(run.rows, columns: 0..<width),
            execution: run.execution)
        try cache.attend(
            query: run.workspace.projected.attentionInput(group, heads: heads, headSize: headSize),
            into: run.workspace.attended.attentionOutput(group, heads: heads, headSize: valueSize), weights: nil,
            causality: .none, sequences: sequences, run)
    }

    /// The weights of the projected queries of one sequence over the keys of its cache, `[heads, rows, keys]`.
    func weights(
        _ group: RowGroup, over cache: any LayerCache, _ causality: Causality, sequence: Int, _ run: LayerRun
    ) throws(KernelError) -> Tensor {
        let keys = cache.length(sequence)
        var weights = try Tensor(shape: [heads, group.length, keys])
        try cache.attend(
            query: run.workspace.projected.attentionInput(group, heads: heads, headSize: headSize),
            into: run.workspace.attended.attentionOutput(group, heads: heads, headSize: valueSize),
            weights: AttentionOutput(
                weights.mutableSpan, .bhsd(batch: 1, heads: heads, length: group.length, width: keys)),
            causality: causality, sequences: sequence..<sequence + 1, run)
        return weights
    }

    /// Keys and values of an encoder's output into a cache, once for all steps: a sequence of the cache for each.
    ///
    /// - Parameters:
    ///   - encoded: the rows of all sequences, of the precision's type.
    ///   - scratch: room for keys and values of as many rows.
    func fill(
        _ cache: any LayerCache, from encoded: ActivationBuffer, _ sequences: PackedSequences, repeating count: Int,
        scratch: ActivationBuffer, _ run: LayerRun
    ) throws(KernelError) {
        guard case .paired(_, let keyValue) = projection else {
            preconditionFailure("the encoder's output is both key and value")
        }
        let rows = 0..<sequences.rowCount
        try keyValue.apply(encoded.input(rows), into: scratch.output(rows), execution: run.execution)
        for sequence in 0..<sequences.offsets.count - 1 {
            let first = sequences.offsets[sequence]
            let group = RowGroup(firstRow: first, count: 1, length: sequences.offsets[sequence + 1] - first)
            // No queries: the rows are only stored.
            let nothing = RowGroup(firstRow: 0, count: 1, length: 0)
            for copy in 0..<count {
                let place = sequence * count + copy
                try cache.append(
                    query: scratch.attentionInput(nothing, heads: heads, headSize: headSize),
                    key: scratch.attentionInput(group, heads: kvHeads, headSize: headSize),
                    value: scratch.attentionInput(
                        group, heads: kvHeads, headSize: valueSize, column: kvHeads * headSize),
                    into: scratch.attentionOutput(nothing, heads: heads, headSize: valueSize),
                    sequences: place..<place + 1, run)
            }
        }
    }

    /// The output projection, added to the residual stream.
    func finish(_ run: LayerRun) throws(KernelError) {
        try output.apply(
            run.workspace.attended.input(run.rows), into: run.workspace.hidden.output(run.rows), accumulating: true,
            execution: run.execution)
    }
}
