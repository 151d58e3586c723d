// The cache over borrowed memory: what decoding calls for every token and layer, without an allocation.

extension KeyValueCache {
    /// Appends keys and values in borrowed memory and attends over all keys of each sequence so far, into borrowed memory.
    /// Once `execution` has seen a problem of this size, a call makes no heap allocation.
    ///
    /// - Parameters:
    ///   - query: `[sequences, heads, queryLength, headDim]`.
    ///   - key: the new keys, `[sequences, kvHeads, newLength, headDim]`.
    ///   - value: the new values, `[sequences, kvHeads, newLength, valueDim]`.
    ///   - output: `[sequences, heads, queryLength, valueDim]`.
    ///   - scale: the factor of `Q Kᵀ`, finite; nil for `1 / sqrt(headDim)`.
    ///   - sequences: the sequences the operands speak of, in order; nil for all.
    ///   - kernel: the kernel.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if an argument is wrong or the cache has no room; then it is as it was.
    /// - Complexity: O(*sequences · heads · queryLength · length · (headDim + valueDim)*).
    public mutating func forward(
        query: AttentionInput, appendingKey key: AttentionInput, value: AttentionInput,
        into output: consuming AttentionOutput, scale: Float? = nil, sequences: Range<Int>? = nil,
        kernel: AttentionKernel = .fused, execution: Execution = .shared
    ) throws(KernelError) {
        let sequences = try checked(sequences)
        let length = key.layout.length
        try check(.newKey, key.layout, sequences.count, length, headDim)
        try check(.newValue, value.layout, sequences.count, length, valueDim)
        try grow(sequences, by: length)
        do throws(KernelError) {
            try run(
                query, (key: CacheInput.NewRows(key), value: CacheInput.NewRows(value)),
                OutputPlaces(output: OutputPlace(output), lse: nil, weights: nil), causality: .bottomRight, scale,
                sequences, kernel, execution)
        } catch {
            shrink(sequences, by: length)
            throw error
        }
    }

    /// Attends over the keys there are; otherwise as
    /// ``forward(query:appendingKey:value:into:scale:sequences:kernel:execution:)``.
    ///
    /// - Parameters:
    ///   - causality: which keys a query sees by position: `.none` for all, as in cross-attention.
    ///   - weights: `[sequences, heads, queryLength, length]` with the length of the longest of the sequences; nil if not
    ///     wanted.
    /// - Throws: ``KernelError`` if an argument is wrong.
    public func forward(
        query: AttentionInput, into output: consuming AttentionOutput, causality: Causality, scale: Float? = nil,
        weights: consuming AttentionOutput? = nil, sequences: Range<Int>? = nil, kernel: AttentionKernel = .fused,
        execution: Execution = .shared
    ) throws(KernelError) {
        let weightsPlace: OutputPlace? = if let weights { OutputPlace(weights) } else { nil }
        try run(
            query, nil, OutputPlaces(output: OutputPlace(output), lse: nil, weights: weightsPlace),
            causality: causality, scale, try checked(sequences), kernel, execution)
    }

    private func run(
        _ query: AttentionInput, _ rows: (key: CacheInput.NewRows, value: CacheInput.NewRows)?, _ places: OutputPlaces,
        causality: Causality, _ scale: Float?, _ sequences: Range<Int>, _ kernel: AttentionKernel,
        _ execution: Execution
    ) throws(KernelError) {
        try requireRing(queries: query.layout.length, causality)
        // A closure may not capture what cannot escape; whoever called keeps the query alive.
        let (start, count, format, layout) = (query.start, query.count, query.format, query.layout)
        try withOperands(sequences, newRows: rows) { key, value, input throws(KernelError) in
            var problem = AttentionProblem(
                query: AttentionInput(unsafe: start, count: count, format, layout), key: key, value: value,
                causality: causality, scale: scale, keyLengths: lengths.span.extracting(sequences))
            problem.cache = input
            problem.visibility.window = narrowed(nil)
            try kernel.forward(problem, places, workspace: nil, execution: execution)
        }
    }

    /// Makes sequence `target` a copy of `source`: a beam that splits, or the last of a batch that moves to the place of
    /// one that has ended.
    ///
    /// - Throws: ``KernelError`` if there is no such sequence, or no page left.
    /// - Complexity: O(*length · kvHeads · (headDim + valueDim)*).
    public mutating func copy(_ source: Int, to target: Int) throws(KernelError) {
        let (from, into) = (try checked(source..<source + 1).lowerBound, try checked(target..<target + 1).lowerBound)
        guard from != into else { return }
        try truncate(into)
        try grow(into..<into + 1, by: lengths[from], inSteps: false)
        copyRows(from, to: into)
    }
}

extension CacheInput.NewRows {
    /// Rows whose owner the caller keeps alive.
    init(_ input: AttentionInput) {
        self.init(start: input.start, count: input.count, format: input.format, layout: input.layout)
    }
}
