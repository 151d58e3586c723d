import AttentionKernels
import CKernels

extension AttentionWorkload {
    /// Calls `body` with the workload as a C problem without outputs, valid only inside `body`.
    ///
    /// - Precondition: the shapes fit each other, as a kernel's call has checked.
    func withCProblem<Result>(_ body: (ck_attention_problem) throws -> Result) rethrows -> Result {
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
        switch causality {
        case .none: problem.causal = .CK_CAUSAL_NONE
        case .topLeft: problem.causal = .CK_CAUSAL_TOP_LEFT
        case .bottomRight: problem.causal = .CK_CAUSAL_BOTTOM_RIGHT
        case .offset(let offset):
            problem.causal = .CK_CAUSAL_OFFSET
            problem.query_offset = Int64(offset)
        }
        // Without data: the oracle takes its row's places as arguments, and only checks this layout.
        problem.o = Self.operand(
            nil, [shape.batch, shape.heads, shape.queryLength, shape.valueDim],
            count: shape.rowCount * shape.valueDim)

        return try query.span.withUnsafeBufferPointer { query in
            try key.span.withUnsafeBufferPointer { key in
                try value.span.withUnsafeBufferPointer { value in
                    problem.q = Self.operand(query.baseAddress, Self.rank4(self.query.shape), count: query.count)
                    problem.k = Self.operand(key.baseAddress, Self.rank4(self.key.shape), count: key.count)
                    problem.v = Self.operand(value.baseAddress, Self.rank4(self.value.shape), count: value.count)
                    return try withOptionalOperands(&problem, body)
                }
            }
        }
    }

    private func withOptionalOperands<Result>(
        _ problem: inout ck_attention_problem, _ body: (ck_attention_problem) throws -> Result
    ) rethrows -> Result {
        let lengths = keyLengths.map { $0.map { Int64($0) } } ?? []
        return try (mask?.bytes ?? []).withUnsafeBufferPointer { bytes in
            try (bias?.elements ?? []).withUnsafeBufferPointer { numbers in
                try lengths.withUnsafeBufferPointer { lengths in
                    if let mask {
                        problem.mask_kind = mask.keeps ? .CK_MASK_KEEP : .CK_MASK_DROP
                        problem.mask = Self.scoreOperand(bytes.baseAddress, mask.shape, count: bytes.count)
                    }
                    if let bias {
                        problem.bias = Self.scoreOperand(numbers.baseAddress, bias.shape, count: numbers.count)
                    }
                    if keyLengths != nil {
                        problem.kv_lengths = lengths.baseAddress
                        problem.kv_lengths_count = Int64(lengths.count)
                    }
                    return try body(problem)
                }
            }
        }
    }

    private static func operand(_ data: UnsafePointer<Float>?, _ shape: [Int], count: Int) -> ck_operand {
        var operand = ck_operand()
        operand.data = UnsafeMutableRawPointer(mutating: data)
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

extension ck_attention_problem {
    /// The same problem for `queries` query rows of one head alone, from `row` on, with their results written to the
    /// given places; without a place for the output the values are left out.
    func alone(
        _ row: RowIndex, queries: Int = 1, o: UnsafeMutablePointer<Float>?, lse: UnsafeMutablePointer<Float>?,
        weights: UnsafeMutablePointer<Float>
    ) -> ck_attention_problem {
        let (b, h, i) = (Int64(row.batch), Int64(row.head), Int64(row.query))
        let kvHead = h / (heads / kv_heads)
        var alone = self
        (alone.batch, alone.heads, alone.kv_heads, alone.seqlen_q) = (1, 1, 1, Int64(queries))
        if o == nil { alone.value_dim = 0 }
        alone.q.offset += b * q.batch_stride + h * q.head_stride + i * q.row_stride
        alone.k.offset += b * k.batch_stride + kvHead * k.head_stride
        alone.v.offset += b * v.batch_stride + kvHead * v.head_stride
        alone.mask.offset += b * mask.batch_stride + h * mask.head_stride + i * mask.row_stride
        alone.bias.offset += b * bias.batch_stride + h * bias.head_stride + i * bias.row_stride
        let keys = kv_lengths.map { $0[row.batch] } ?? seqlen_k
        if let lengths = kv_lengths {
            alone.kv_lengths = lengths + row.batch
            alone.kv_lengths_count = 1
        }
        switch causal {
        case .CK_CAUSAL_NONE: break
        case .CK_CAUSAL_TOP_LEFT: alone.query_offset = i
        // By the rows of the whole problem.
        case .CK_CAUSAL_BOTTOM_RIGHT: alone.query_offset = i + keys - seqlen_q
        case .CK_CAUSAL_OFFSET: alone.query_offset = query_offset + i
        }
        if causal != .CK_CAUSAL_NONE { alone.causal = .CK_CAUSAL_OFFSET }
        alone.o = ck_operand.rows(o, queries, width: alone.value_dim)
        alone.lse = ck_operand.rows(lse, queries, width: 1)
        alone.weights = ck_operand.rows(weights, queries, width: seqlen_k)
        return alone
    }
}

extension ck_operand {
    fileprivate static func rows(_ data: UnsafeMutablePointer<Float>?, _ rows: Int, width: Int64) -> ck_operand {
        let count = Int64(rows) * width
        return ck_operand(
            data: data.map(UnsafeMutableRawPointer.init), count: data == nil ? 0 : count, offset: 0,
            batch_stride: count, head_stride: count, row_stride: width, dtype: .CK_F32)
    }
}
