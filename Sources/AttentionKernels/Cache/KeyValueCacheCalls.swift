// Appending to a cache and attending over it, in one call of C.

extension KeyValueCache {
    /// Appends keys and values and attends over all keys of each sequence so far: query `i` of `queryLength` sees those
    /// up to position `length - queryLength + i`.
    ///
    /// The rows may be of any ``TensorElement``; they are rounded to the cache's. The result has the element type of the
    /// query. Tensors of rank 3 and 2 lack the batch, and the heads.
    ///
    /// - Parameters:
    ///   - query: `[batch, heads, queryLength, headDim]`.
    ///   - key: the new keys, `[batch, kvHeads, newLength, headDim]`.
    ///   - value: the new values, `[batch, kvHeads, newLength, valueDim]`.
    ///   - options: masks, scale and rules of scores, over the keys of the longest sequence; by default causality alone.
    ///     Key lengths are the cache's own and may not be given. A ring's window joins that of the options.
    ///   - sequences: the sequences the tensors speak of, in order; nil for all. `batch` is their number.
    ///   - kernel: the kernel.
    ///   - execution: threads and instruction set.
    /// - Returns: `[batch, heads, queryLength, valueDim]`.
    /// - Throws: ``KernelError`` if an argument is wrong or the cache has no room; then it is as it was.
    /// - Complexity: O(*batch · heads · queryLength · length · (headDim + valueDim)*).
    public mutating func attend<Query>(
        query: some StridedTensor<Query>, appendingKey key: some StridedTensor, value: some StridedTensor,
        options: AttentionOptions = AttentionOptions(causality: .bottomRight),
        sequences: Range<Int>? = nil, kernel: AttentionKernel = .fused,
        execution: Execution = .shared
    ) throws(KernelError) -> TypedTensor<Query> {
        let shape = query.view.shape
        var output = try TypedTensor<Query>(uninitialized: shape.dropLast() + (shape.isEmpty ? [] : [valueDim]))
        try attend(
            query: query, appendingKey: key, value: value, into: &output, options: options, sequences: sequences,
            kernel: kernel, execution: execution)
        return output
    }

    /// The same into a tensor that is there already. Allocates nothing that outlives the call, and no scratch memory once
    /// `execution` has seen a problem of this size.
    ///
    /// - Throws: ``KernelError`` if an argument is wrong or the cache has no room; then the cache is as it was.
    public mutating func attend(
        query: some StridedTensor, appendingKey key: some StridedTensor, value: some StridedTensor,
        into output: inout TypedTensor<some TensorElement>,
        options: AttentionOptions = AttentionOptions(causality: .bottomRight),
        sequences: Range<Int>? = nil,
        kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws(KernelError) {
        let query = try AttentionTensorCall.Operand(.query, query.view)
        let sequences = try checked(sequences)
        let rows = try newRows(key.view, value.view, sequences)
        try grow(sequences, by: rows.key.layout.length)
        do throws(KernelError) {
            try run(query, rows, into: &output, options, sequences, kernel, execution)
        } catch {
            shrink(sequences, by: rows.key.layout.length)
            throw error
        }
    }

    /// Attends over the keys there are; otherwise as
    /// ``attend(query:appendingKey:value:options:sequences:kernel:execution:)``.
    ///
    /// - Throws: ``KernelError`` if an argument is wrong.
    public func attend<Query>(
        query: some StridedTensor<Query>, options: AttentionOptions = AttentionOptions(causality: .bottomRight),
        sequences: Range<Int>? = nil,
        kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws(KernelError) -> TypedTensor<Query> {
        let shape = query.view.shape
        var output = try TypedTensor<Query>(uninitialized: shape.dropLast() + (shape.isEmpty ? [] : [valueDim]))
        let query = try AttentionTensorCall.Operand(.query, query.view)
        try run(query, nil, into: &output, options, try checked(sequences), kernel, execution)
        return output
    }

    /// Appends keys and values without attending.
    ///
    /// - Parameters:
    ///   - key: `[batch, kvHeads, newLength, headDim]`.
    ///   - value: `[batch, kvHeads, newLength, valueDim]`.
    ///   - sequences: the sequences the tensors speak of, in order; nil for all. `batch` is their number.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if an argument is wrong or the cache has no room; then it is as it was.
    /// - Complexity: O(*n*) in the number of elements.
    public mutating func append(
        key: some StridedTensor, value: some StridedTensor, sequences: Range<Int>? = nil,
        execution: Execution = .shared
    ) throws(KernelError) {
        let count = try checked(sequences).count
        let noQueries = try Tensor(shape: [count, kvHeads, 0, headDim])
        var nothing = try Tensor(shape: [count, kvHeads, 0, valueDim])
        try attend(
            query: noQueries, appendingKey: key, value: value, into: &nothing, sequences: sequences,
            execution: execution)
    }

    func checked(_ sequences: Range<Int>?) throws(KernelError) -> Range<Int> {
        guard let sequences else { return 0..<batch }
        guard sequences.lowerBound >= 0, sequences.upperBound <= batch else {
            throw KernelError(.invalidValue, .sequences, "they are \(sequences); they should be inside 0 ..< \(batch)")
        }
        return sequences
    }

    private typealias NewRows = (key: AttentionTensorCall.Operand, value: AttentionTensorCall.Operand)

    private func newRows(
        _ key: TypedTensorView<some TensorElement>, _ value: TypedTensorView<some TensorElement>,
        _ sequences: Range<Int>
    ) throws(KernelError) -> NewRows {
        let rows = try (
            key: AttentionTensorCall.Operand(.newKey, key), value: AttentionTensorCall.Operand(.newValue, value)
        )
        let length = rows.key.layout.length
        try check(.newKey, rows.key.layout, sequences.count, length, headDim)
        try check(.newValue, rows.value.layout, sequences.count, length, valueDim)
        return rows
    }

    func check(
        _ argument: KernelError.Argument, _ layout: AttentionLayout, _ count: Int, _ length: Int, _ width: Int
    ) throws(KernelError) {
        let expected = AttentionLayout.bhsd(batch: count, heads: kvHeads, length: length, width: width)
        guard layout.sizes == expected.sizes else {
            throw KernelError(
                .shapeMismatch, argument,
                "shape \(layout.shapeText) should be \(expected.shapeText) (sequences, kvHeads, newLength, width)")
        }
    }

    /// A ring forgets keys by the position of the last; so queries must stand at the end, and be no more than a step.
    func requireRing(queries: Int, _ rule: Causality, queryLengths: [Int]? = nil) throws(KernelError) {
        guard let ring else { return }
        guard queries <= ring.step else {
            throw KernelError(
                .invalidLength, .query, "it has \(queries) rows; a ring of this size takes \(ring.step) at a time")
        }
        guard rule == .bottomRight, queryLengths == nil else {
            throw KernelError(
                .invalidValue, .causality,
                "in a ring queries stand at the end: it should be bottomRight, or alignment if there is none, and "
                    + "queryLengths nil")
        }
    }

    /// What is left of a window inside that of a ring.
    func narrowed(_ window: SlidingWindow?) -> SlidingWindow? {
        guard let ring else { return window }
        return SlidingWindow(left: min(window?.left ?? ring.window, ring.window), right: window?.right)
    }

    private func run(
        _ query: AttentionTensorCall.Operand, _ new: NewRows?,
        into output: inout TypedTensor<some TensorElement>, _ options: AttentionOptions, _ sequences: Range<Int>,
        _ kernel: AttentionKernel, _ execution: Execution
    ) throws(KernelError) {
        guard options.keyLengths == nil else {
            throw KernelError(.invalidValue, .keyLengths, "they should be nil: a cache has lengths of its own")
        }
        try requireRing(
            queries: query.layout.length,
            options.causality == .none ? options.visibility.alignment : options.causality,
            queryLengths: options.visibility.queryLengths)
        let layout = try AttentionLayout(.output, shape: output.shape, strides: output.strides, offset: 0)
        // From here on no input shares the output's memory: if one did, the output is a copy now.
        output.makeUnique()
        let places = OutputPlaces(output: OutputPlace(output, layout), lse: nil, weights: nil)
        let rows = new.map { (key: $0.key.newRows, value: $0.value.newRows) }
        try withOperands(sequences, newRows: rows) { key, value, input throws(KernelError) in
            var problem = AttentionProblem(
                query: query.input, key: key, value: value, causality: options.causality, scale: options.scale,
                mask: try options.maskInput, bias: try options.biasInput,
                keyLengths: lengths.span.extracting(sequences),
                keepsFloatProbabilities: options.keepsFloatProbabilities)
            problem.cache = input
            problem.visibility = options.visibility
            problem.scores = options.scores
            problem.scoreFunction = options.scoreFunction
            problem.visibility.window = narrowed(options.visibility.window)
            try kernel.forward(problem, places, workspace: nil, execution: execution)
        }
        withExtendedLifetime(new) {}
    }
}
