import CKernels

/// What there is to see of attention weights that were never stored: computed a tile at a time from query, key and the
/// log-sum-exp of a call, after Dao et al., "FlashAttention" (2022), section 3.1, where the backward pass recomputes
/// them so.
///
/// ```swift
/// let result = try AttentionKernel.fused.attend(query: q, key: k, value: v, options: options, returning: .lse)
/// let maps = try AttentionMaps(
///     AttentionMapRequest(topCount: 8, cell: .init(queries: 64, keys: 64)), query: q, key: k, lse: result.lse!,
///     options: options)
/// ```
///
/// A weight is `exp(score - lse)`: the weights of a query sum to one, less the share of a sink, as exactly as the lse
/// is (where the bf16 dot product computed it, to 2⁻⁸). A key that a query does not see has weight 0. Weights and every
/// map of them have the same bits for any number of threads; a weight does not depend on the rectangle.
///
/// Shapes are given for a query of rank 4; where it has less, they lack the same leading dimensions. `heads` is 1 where
/// means over the heads were asked for.
public struct AttentionMaps: Sendable {
    /// `[batch, heads, queries, keys]`.
    public let weights: Tensor?
    /// `[batch, heads, keys]`: the sum over the queries.
    public let columnMass: Tensor?
    /// `[batch, heads, queries]`: -Σ w ln w over the keys, in nats.
    public let entropy: Tensor?
    /// `[batch, heads, queries, topCount]`: each query's largest weights in falling order, of equal ones that of the
    /// lowest key first; NaN counts as largest. 0 beyond the keys that a query sees.
    public let topWeights: Tensor?
    /// The keys of `topWeights`, in row-major order; -1 beyond the keys that a query sees.
    public let topKeys: [Int32]?
    /// `[batch, heads, ⌈queries / cell.queries⌉, ⌈keys / cell.keys⌉]`: the mean weight of each cell.
    public let heatMap: Tensor?

    /// The maps of a call of attention with these arguments, whose lse is given.
    ///
    /// - Parameters:
    ///   - request: the maps wanted.
    ///   - query: `[batch, heads, queryLength, headDim]`, or of lower rank, as in
    ///     ``AttentionKernel/attend(query:key:value:options:returning:execution:)``.
    ///   - key: `[batch, kvHeads, keyLength, headDim]`.
    ///   - lse: `[batch, heads, queryLength]`, as the call returned it.
    ///   - options: those of the call.
    ///   - execution: threads and instruction set.
    /// - Throws: ``KernelError`` if an argument is wrong.
    /// - Complexity: O(*batch · heads · queries · keys · headDim*), twice that where maps of rows (weights, entropy,
    ///   largest weights) and of columns (mass, heat map, means over heads) are asked for together; besides the maps,
    ///   memory for a tile of 96 queries and 256 keys a thread.
    public init(
        _ request: AttentionMapRequest, query: some StridedTensor, key: some StridedTensor,
        lse: some StridedTensor<Float>, options: AttentionOptions = AttentionOptions(), execution: Execution = .shared
    ) throws(KernelError) {
        // The maps do not look at the values.
        let call = try AttentionTensorCall(query.view, key.view, key.view, options)
        let lse = lse.view
        let place = OutputPlace(
            unsafe: UnsafeMutableRawPointer(lse.tensor.storage.start), count: lse.tensor.count, .float32,
            try AttentionLayout(.lse, shape: lse.shape + [1], strides: lse.strides + [1], offset: lse.offset))
        let maps = try Self.compute(request, try call.problem, place, rank: call.query.shape.count, execution)
        withExtendedLifetime((call, lse)) {}
        (weights, columnMass, entropy) = (maps.weights.tensor, maps.columnMass.tensor, maps.entropy.tensor)
        (topWeights, heatMap, topKeys) = (maps.topWeights.tensor, maps.pooled.tensor, maps.topKeyArray)
    }

    private static func compute(
        _ request: AttentionMapRequest, _ problem: AttentionProblem, _ lse: OutputPlace, rank: Int,
        _ execution: Execution
    ) throws(KernelError) -> MapOutputs {
        let places = OutputPlaces(output: problem.placesToMeasure([], as: nil).output, lse: lse, weights: nil)
        var cProblem = try problem.cProblem(places)
        var outputs = MapOutputs(request, problem, rank: rank)
        var maps = outputs.cMaps
        func measure(_ options: ck_options, _ byteCount: inout Int, _ diagnosis: inout ck_diagnosis) -> ck_status {
            withUnsafePointer(to: options) {
                ck_attention_map_workspace(&cProblem, &maps, $0, &byteCount, &diagnosis)
            }
        }
        // Sizes are checked before memory is taken for them.
        _ = try execution.workspaceByteCount(
            measure: measure, describe: { describe($0, request, problem, places) })
        try outputs.allocate()
        maps = outputs.cMaps
        try execution.run(
            in: nil,
            run: { options, diagnosis in
                withUnsafePointer(to: options) { ck_attention_map(&cProblem, &maps, $0, &diagnosis) }
            },
            describe: { describe($0, request, problem, places) })
        return outputs
    }

    private static func describe(
        _ argument: KernelError.Argument, _ request: AttentionMapRequest, _ problem: AttentionProblem,
        _ places: OutputPlaces
    ) -> String {
        switch argument {
        case .mapQueries: "\(request.queries ?? 0..<problem.queryLength)"
        case .mapKeys: "\(request.keys ?? 0..<problem.keyLength)"
        case .cell: request.cell.map { "\($0.queries) queries by \($0.keys) keys" } ?? "nil"
        default: problem.describe(argument, places)
        }
    }
}

/// The maps of one call on their way: at first shapes, then tensors.
private struct MapOutputs {
    struct Output {
        let isWanted: Bool
        let shape: SIMD4<Int>
        var tensor: Tensor?

        /// `[batch, heads, rows, columns]`, contiguous.
        var cOperand: ck_operand {
            guard isWanted else { return ck_operand() }
            let layout = AttentionLayout.bhsd(batch: shape[0], heads: shape[1], length: shape[2], width: shape[3])
            // An empty map is wanted all the same: a count of 0 would say that it is not.
            return ck_operand(
                tensor.map { UnsafeMutableRawPointer($0.storage.start) }, max(layout.elementCount, 1), .float32, layout)
        }
    }

    var weights, columnMass, entropy, topWeights, pooled: Output
    var topKeys: AlignedStorage<Int32>?
    private var maps = ck_attention_maps()
    private let rank: Int

    init(_ request: AttentionMapRequest, _ problem: AttentionProblem, rank: Int) {
        self.rank = rank
        let queries = request.queries ?? 0..<problem.queryLength
        let keys = request.keys ?? 0..<problem.keyLength
        // A range may be longer than an Int; C refuses what becomes of it.
        let (rows, columns) = (queries.upperBound &- queries.lowerBound, keys.upperBound &- keys.lowerBound)
        let (batch, heads) = (problem.batch, request.averagesHeads ? min(problem.heads, 1) : problem.heads)
        let cell = request.cell ?? AttentionMapRequest.Cell(queries: 1, keys: 1)
        let top = max(request.topCount ?? 0, 0)
        func parts(_ length: Int, _ size: Int) -> Int {
            size > 0 ? (max(length, 0) - 1) / size + (length > 0 ? 1 : 0) : 0
        }
        weights = Output(isWanted: request.weights, shape: [batch, heads, rows, columns])
        columnMass = Output(isWanted: request.columnMass, shape: [batch, heads, columns, 1])
        entropy = Output(isWanted: request.entropy, shape: [batch, problem.heads, rows, 1])
        topWeights = Output(isWanted: request.topCount != nil, shape: [batch, problem.heads, rows, top])
        pooled = Output(
            isWanted: request.cell != nil,
            shape: [batch, heads, parts(rows, cell.queries), parts(columns, cell.keys)])
        (maps.first_query, maps.queries) = (Int64(queries.lowerBound), Int64(rows))
        (maps.first_key, maps.keys) = (Int64(keys.lowerBound), Int64(columns))
        (maps.pool_queries, maps.pool_keys) = (Int64(cell.queries), Int64(cell.keys))
        maps.top_count = Int64(request.topCount ?? 0)
        maps.head_mean = request.averagesHeads
    }

    var cMaps: ck_attention_maps {
        var maps = maps
        maps.weights = weights.cOperand
        maps.column_mass = columnMass.cOperand
        maps.entropy = entropy.cOperand
        maps.top_weights = topWeights.cOperand
        maps.pooled = pooled.cOperand
        maps.top_keys = topWeights.cOperand
        maps.top_keys.data = topKeys.map { UnsafeMutableRawPointer($0.start) }
        if topWeights.isWanted { maps.top_keys.dtype = .CK_I32 }
        return maps
    }

    mutating func allocate() throws(KernelError) {
        weights.tensor = try tensor(weights, trailing: 2)
        columnMass.tensor = try tensor(columnMass, trailing: 1)
        entropy.tensor = try tensor(entropy, trailing: 1)
        topWeights.tensor = try tensor(topWeights, trailing: 2)
        pooled.tensor = try tensor(pooled, trailing: 2)
        if let shape = topWeights.tensor?.shape { topKeys = try TensorShape.allocate(shape, of: Int32.self) }
    }

    /// A tensor without the leading dimensions that the query lacks; `trailing` of the last two are told.
    private func tensor(_ output: Output, trailing: Int) throws(KernelError) -> Tensor? {
        guard output.isWanted else { return nil }
        let shape = [output.shape[0], output.shape[1], output.shape[2], output.shape[3]]
        return try Tensor(uninitialized: Array(shape[(4 - rank)...].dropLast(2 - trailing)))
    }

    var topKeyArray: [Int32]? {
        topKeys.map { Array(UnsafeBufferPointer(start: $0.start, count: $0.count)) }
    }
}
