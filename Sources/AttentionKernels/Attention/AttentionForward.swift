import CKernels

extension AttentionKernel {
    /// Computes attention into borrowed memory. Once `execution` has seen a problem of this size, or with a
    /// `workspace`, a call makes no heap allocation.
    ///
    /// ```swift
    /// let layout = AttentionLayout.bshd(batch: 1, length: 128, heads: 8, width: 64)
    /// try AttentionKernel.fused.forward(
    ///     AttentionProblem(
    ///         query: AttentionInput(q.span, layout), key: AttentionInput(k.span, layout),
    ///         value: AttentionInput(v.span, layout), causality: .bottomRight),
    ///     into: AttentionOutput(o.mutableSpan, layout))
    /// ```
    ///
    /// - Parameters:
    ///   - problem: the inputs, visible keys and scale.
    ///   - output: `[batch, heads, queryLength, valueDim]`, of any ``TensorElement``. Elements between its rows are not written.
    ///   - lse: `[batch, heads, queryLength, 1]`, see ``AttentionLayout/perRow(batch:heads:length:)``; nil if not wanted.
    ///   - weights: `[batch, heads, queryLength, keyLength]`; nil if not wanted.
    ///   - workspace: scratch memory, aligned to 64 bytes, of at least
    ///     ``workspaceByteCount(for:returning:as:execution:)`` bytes; nil to use the execution's.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if an argument is wrong; then nothing has been written.
    /// - Complexity: O(*batch · heads · queryLength · keyLength · (headDim + valueDim)*); `fused` takes memory
    ///   independent of `queryLength · keyLength`.
    public func forward(
        _ problem: AttentionProblem, into output: consuming AttentionOutput,
        lse: consuming AttentionOutput? = nil, weights: consuming AttentionOutput? = nil,
        workspace: consuming MutableRawSpan? = nil, execution: Execution = .shared
    ) throws(KernelError) {
        let lsePlace: OutputPlace? = if let lse { OutputPlace(lse) } else { nil }
        let weightsPlace: OutputPlace? = if let weights { OutputPlace(weights) } else { nil }
        let places = OutputPlaces(output: OutputPlace(output), lse: lsePlace, weights: weightsPlace)
        let memory: UnsafeMutableRawBufferPointer? =
            if var workspace { workspace.withUnsafeMutableBytes { $0 } } else { nil }
        try forward(problem, places, workspace: memory, execution: execution)
    }

    /// The same call with the outputs as places that the caller keeps alive and to itself.
    func forward(
        _ problem: AttentionProblem, _ places: OutputPlaces, workspace: UnsafeMutableRawBufferPointer?,
        execution: Execution
    ) throws(KernelError) {
        var cProblem = try problem.cProblem(places)
        try execution.run(
            in: workspace,
            run: { options, diagnosis in
                withUnsafePointer(to: options) { ck_attention_forward(cValue, &cProblem, $0, &diagnosis) }
            },
            describe: { problem.describe($0, places) })
    }

    /// The exact number of bytes of scratch memory that ``forward(_:into:lse:weights:workspace:execution:)`` needs.
    ///
    /// - Parameters:
    ///   - problem: the problem; its spans may be of other memory than that of the call, but must fit their layouts.
    ///   - outputs: the outputs wanted besides the attention.
    ///   - type: the element type of the attention; nil for that of the query.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` as the call would.
    /// - Complexity: O(1).
    public func workspaceByteCount(
        for problem: AttentionProblem, returning outputs: AttentionOutputs = [], as type: DataType? = nil,
        execution: Execution = .shared
    ) throws(KernelError) -> Int {
        let places = problem.placesToMeasure(outputs, as: type)
        var cProblem = try problem.cProblem(places)
        return try execution.workspaceByteCount(
            measure: { options, byteCount, diagnosis in
                withUnsafePointer(to: options) { ck_attention_workspace(cValue, &cProblem, $0, &byteCount, &diagnosis) }
            },
            describe: { problem.describe($0, places) })
    }

    var cValue: ck_kernel {
        switch self {
        case .naive: .CK_NAIVE
        case .blocked: .CK_BLOCKED
        case .fused: .CK_FUSED
        }
    }
}
