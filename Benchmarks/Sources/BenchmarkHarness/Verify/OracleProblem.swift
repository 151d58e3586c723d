import AttentionKernels
import CKernels

extension AttentionWorkload {
    /// Calls `body` with the workload as a C problem without outputs, valid only inside `body`.
    ///
    /// - Precondition: the shapes fit each other, as a kernel's call has checked.
    func withCProblem<Result>(_ body: (ck_attention_problem) throws -> Result) rethrows -> Result {
        let memory = ProblemMemory()
        defer { withExtendedLifetime(memory) {} }
        var problem = problemWithoutTensors(memory)
        return try query.withBytes { query in
            try key.withBytes { key in
                try value.withBytes { value in
                    problem.q = Self.operand(query, self.query)
                    problem.k = Self.operand(key, self.key)
                    problem.v = Self.operand(value, self.value)
                    return try withScoreOperands(&problem, body)
                }
            }
        }
    }

    private func problemWithoutTensors(_ memory: ProblemMemory) -> ck_attention_problem {
        let shape = shape
        var problem = ck_attention_problem()
        problem.batch = Int64(shape.batch)
        problem.heads = Int64(shape.heads)
        problem.kv_heads = Int64(shape.kvHeads)
        problem.seqlen_q = Int64(shape.queryLength)
        problem.seqlen_k = Int64(shape.keyLength)
        problem.head_dim = Int64(shape.headDim)
        problem.value_dim = Int64(shape.valueDim)
        problem.scale = scale ?? (shape.headDim > 0 ? 1 / Float(shape.headDim).squareRoot() : 1)
        problem.causal = Self.causal(causality)
        problem.alignment = Self.causal(visibility.alignment)
        if case .offset(let offset) = causality == .none ? visibility.alignment : causality {
            problem.query_offset = Int64(offset)
        }
        // Without data: the oracle takes its row's places as arguments, and only checks this layout.
        problem.o = Self.rows(
            [shape.batch, shape.heads, shape.queryLength, shape.valueDim], count: shape.rowCount * shape.valueDim)
        if let lengths = keyLengths {
            problem.kv_lengths = memory.copy(lengths.map { Int64($0) })
            problem.kv_lengths_count = Int64(lengths.count)
        }
        if let window = visibility.window {
            problem.window = ck_window(
                bounds_left: window.left != nil, bounds_right: window.right != nil, left: Int64(window.left ?? 0),
                right: Int64(window.right ?? 0))
        }
        problem.kv_starts = memory.lengths(visibility.keyStarts)
        problem.query_lengths = memory.lengths(visibility.queryLengths)
        problem.prefix_lengths = memory.lengths(visibility.prefixLengths)
        if let segments = visibility.segments {
            problem.q_segments = memory.segments(segments.query, length: shape.queryLength)
            problem.k_segments = memory.segments(segments.key, length: shape.keyLength)
        }
        problem.scores.softcap = scores.softcap ?? 0
        problem.scores.normalize_qk = scores.normalizesQueryAndKey
        problem.scores.head_scales = memory.headValues(scores.headScales)
        problem.scores.alibi_slopes = memory.headValues(scores.alibiSlopes)
        problem.scores.sinks = memory.headValues(scores.sinkValues)
        return problem
    }

    private func withScoreOperands<Result>(
        _ problem: inout ck_attention_problem, _ body: (ck_attention_problem) throws -> Result
    ) rethrows -> Result {
        try (mask?.bytes ?? []).withUnsafeBufferPointer { bytes in
            try Self.withBytes(bias) { numbers in
                try (blocks?.bytes ?? []).withUnsafeBufferPointer { visible in
                    if let mask {
                        problem.mask_kind = mask.keeps ? .CK_MASK_KEEP : .CK_MASK_DROP
                        problem.mask = Self.scoreOperand(bytes.baseAddress, mask.shape, count: bytes.count)
                    }
                    if let bias {
                        problem.bias = Self.scoreOperand(numbers.baseAddress, bias.shape, count: bias.count)
                        problem.bias_dtype = bias.dataType.cType
                    }
                    if let blocks {
                        problem.block_mask = ck_block_mask(
                            query_block: Int64(blocks.queryBlock), key_block: Int64(blocks.keyBlock),
                            blocks: Self.scoreOperand(visible.baseAddress, blocks.shape, count: visible.count))
                    }
                    return try body(problem)
                }
            }
        }
    }

    private static func causal(_ causality: Causality) -> ck_causal {
        switch causality {
        case .none: .CK_CAUSAL_NONE
        case .topLeft: .CK_CAUSAL_TOP_LEFT
        case .bottomRight: .CK_CAUSAL_BOTTOM_RIGHT
        case .offset: .CK_CAUSAL_OFFSET
        }
    }

    private static func operand(_ bytes: UnsafeRawBufferPointer, _ tensor: any NumberTensor) -> ck_operand {
        var operand = rows(rank4(tensor.shape), count: tensor.count)
        operand.data = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        operand.dtype = tensor.dataType.cType
        return operand
    }

    private static func withBytes<Result>(
        _ tensor: (any NumberTensor)?, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        guard let tensor else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return try tensor.withBytes(body)
    }

    private static func rows(_ shape: [Int], count: Int) -> ck_operand {
        var operand = ck_operand()
        operand.count = Int64(count)
        operand.row_stride = Int64(shape[3])
        operand.head_stride = Int64(shape[2] * shape[3])
        operand.batch_stride = Int64(shape[1] * shape[2] * shape[3])
        return operand
    }

    /// Dimensions of size 1, and missing leading ones, are repeated by a stride of 0.
    private static func scoreOperand(_ data: UnsafeRawPointer?, _ shape: [Int], count: Int) -> ck_score_operand {
        let shape = rank4(shape)
        func stride(_ dimension: Int) -> Int64 {
            shape[dimension] == 1 ? 0 : Int64(shape[(dimension + 1)...].reduce(1, *))
        }
        var operand = ck_score_operand()
        operand.data = data
        operand.count = Int64(count)
        operand.batch_stride = stride(0)
        operand.head_stride = stride(1)
        operand.row_stride = stride(2)
        operand.column_stride = stride(3)
        return operand
    }
}

extension DataType {
    /// What C calls this type.
    var cType: ck_dtype {
        switch self {
        case .float32: .CK_F32
        case .bfloat16: .CK_BF16
        case .float16: .CK_F16
        }
    }
}

extension ScoreOptions {
    /// The logits of the sinks: one for each head, or one for all.
    var sinkValues: [Float]? {
        switch sinks {
        case nil: nil
        case .offByOne: [0]
        case .perHead(let values): values
        }
    }
}

/// The small arrays of a C problem, freed together.
private final class ProblemMemory {
    private var owned: [UnsafeMutableRawPointer] = []

    deinit { for pointer in owned { pointer.deallocate() } }

    func copy<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element> {
        let pointer = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
        elements.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { pointer.initialize(from: start, count: source.count) }
        }
        owned.append(UnsafeMutableRawPointer(pointer))
        return UnsafePointer(pointer)
    }

    func lengths(_ values: [Int]?) -> ck_lengths {
        guard let values else { return ck_lengths() }
        return ck_lengths(data: copy(values.map { Int64($0) }), count: Int64(values.count))
    }

    func headValues(_ values: [Float]?) -> ck_head_values {
        guard let values else { return ck_head_values() }
        return ck_head_values(data: copy(values), count: Int64(values.count))
    }

    func segments(_ ids: [Int32], length: Int) -> ck_segment_ids {
        ck_segment_ids(
            data: copy(ids), count: Int64(ids.count), batch_stride: ids.count == length ? 0 : Int64(length))
    }
}
