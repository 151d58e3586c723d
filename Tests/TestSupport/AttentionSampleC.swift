import AttentionKernels
import CKernels

extension AttentionSample {
    /// Calls `body` with the C problem, made without the help of the Swift face, its outputs left empty.
    public func withCProblem<Result>(_ body: (ck_attention_problem) throws -> Result) throws -> Result {
        var problem = ck_attention_problem()
        problem.batch = Int64(batch)
        problem.heads = Int64(heads)
        problem.kv_heads = Int64(kvHeads)
        problem.seqlen_q = Int64(queryLength)
        problem.seqlen_k = Int64(keyLength)
        problem.head_dim = Int64(headDim)
        problem.value_dim = Int64(valueDim)
        problem.scale = scale ?? 1 / Float(max(headDim, 1)).squareRoot()
        switch causality {
        case .none: problem.causal = .CK_CAUSAL_NONE
        case .topLeft: problem.causal = .CK_CAUSAL_TOP_LEFT
        case .bottomRight: problem.causal = .CK_CAUSAL_BOTTOM_RIGHT
        case .offset(let offset):
            problem.causal = .CK_CAUSAL_OFFSET
            problem.query_offset = Int64(offset)
        }
        return try query.withUnsafeBufferPointer { q in
            try key.withUnsafeBufferPointer { k in
                try value.withUnsafeBufferPointer { v in
                    problem.q = ck_operand(contiguous: q, queryLayout)
                    problem.k = ck_operand(contiguous: k, keyLayout)
                    problem.v = ck_operand(contiguous: v, valueLayout)
                    return try withScores(&problem, body)
                }
            }
        }
    }

    private func withScores<Result>(
        _ problem: inout ck_attention_problem, _ body: (ck_attention_problem) throws -> Result
    ) throws -> Result {
        let mask = keep ?? drop ?? ScoreArray(shape: [1, 1, 1, 1], elements: [0])
        let lengths = (keyLengths ?? []).map(Int64.init)
        problem.mask_kind = keep != nil ? .CK_MASK_KEEP : drop != nil ? .CK_MASK_DROP : .CK_MASK_NONE
        return try mask.withOperand { maskOperand in
            problem.mask = maskOperand
            return try (bias ?? ScoreArray(shape: [1, 1, 1, 0], elements: [])).withOperand { biasOperand in
                if bias != nil { problem.bias = biasOperand }
                return try lengths.withUnsafeBufferPointer { lengths in
                    if keyLengths != nil {
                        problem.kv_lengths = lengths.baseAddress
                        problem.kv_lengths_count = Int64(lengths.count)
                    }
                    return try body(problem)
                }
            }
        }
    }
}

extension ck_operand {
    /// An input operand over an array; C never writes to it.
    fileprivate init(contiguous buffer: UnsafeBufferPointer<Float>, _ layout: AttentionLayout) {
        self.init(
            data: UnsafeMutableRawPointer(mutating: buffer.baseAddress), count: Int64(buffer.count), offset: 0,
            batch_stride: Int64(layout.batchStride), head_stride: Int64(layout.headStride),
            row_stride: Int64(layout.rowStride), dtype: .CK_F32)
    }
}
