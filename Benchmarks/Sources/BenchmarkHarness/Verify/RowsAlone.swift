import CKernels

extension ck_attention_problem {
    /// The most rows of ``alone(_:queries:o:lse:weights:)``.
    static let mostRowsAlone = 64

    /// How many of `queries` rows from `query` on lie in one block of the block mask, which `alone` needs.
    func rowsTogether(from query: Int, _ queries: Int) -> Int {
        let block = Int(block_mask.query_block)
        return min(queries, Self.mostRowsAlone, block > 0 ? block - query % block : .max)
    }

    /// The same problem for `queries` query rows of one head alone, from `row` on, with their results written to the
    /// given places; without a place for the output the values are left out.
    ///
    /// - Precondition: the rows are no more than ``rowsTogether(from:_:)``.
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
        alone.setRules(of: self, row, queries: queries)
        alone.o = ck_operand.rows(o, queries, width: alone.value_dim)
        alone.lse = ck_operand.rows(lse, queries, width: 1)
        alone.weights = ck_operand.rows(weights, queries, width: seqlen_k)
        return alone
    }

    /// What belongs to the sequence, the head and the rows among the rules of the whole problem.
    private mutating func setRules(of whole: ck_attention_problem, _ row: RowIndex, queries: Int) {
        let (b, i) = (row.batch, Int64(row.query))
        let keys = whole.kv_lengths.map { $0[b] } ?? seqlen_k
        let rows = whole.query_lengths.data.map { $0[b] } ?? whole.seqlen_q
        if let lengths = whole.kv_lengths { (kv_lengths, kv_lengths_count) = (lengths + b, 1) }
        if let starts = whole.kv_starts.data { kv_starts = ck_lengths(data: starts + b, count: 1) }
        if let lengths = whole.prefix_lengths.data { prefix_lengths = ck_lengths(data: lengths + b, count: 1) }
        if whole.query_lengths.data != nil {
            let left = min(max(rows - i, 0), Int64(queries))
            query_lengths = ck_lengths(data: Self.counts + Int(left), count: 1)
        }
        // Positions are counted by the rows of the whole problem.
        let offset: Int64 =
            switch whole.causal == .CK_CAUSAL_NONE ? whole.alignment : whole.causal {
            case .CK_CAUSAL_NONE, .CK_CAUSAL_TOP_LEFT: 0
            case .CK_CAUSAL_BOTTOM_RIGHT: keys - rows
            case .CK_CAUSAL_OFFSET: whole.query_offset
            }
        query_offset = offset + i
        alignment = .CK_CAUSAL_OFFSET
        if causal != .CK_CAUSAL_NONE { causal = .CK_CAUSAL_OFFSET }
        if let ids = whole.q_segments.data, let keyIDs = whole.k_segments.data {
            q_segments = ck_segment_ids(
                data: ids + b * Int(whole.q_segments.batch_stride) + row.query, count: Int64(queries), batch_stride: 0)
            k_segments = ck_segment_ids(
                data: keyIDs + b * Int(whole.k_segments.batch_stride), count: seqlen_k, batch_stride: 0)
        }
        if block_mask.query_block > 0 {
            let blocks = whole.block_mask.blocks
            block_mask.blocks.offset +=
                Int64(b) * blocks.batch_stride + Int64(row.head) * blocks.head_stride
                + i / block_mask.query_block * blocks.row_stride
            // All rows lie in this one block, whose first row need not be theirs.
            block_mask.query_block = Int64(queries)
        }
        func ofHead(_ values: ck_head_values) -> ck_head_values {
            guard let data = values.data else { return values }
            return ck_head_values(data: data + (values.count > 1 ? row.head : 0), count: 1)
        }
        scores.head_scales = ofHead(whole.scores.head_scales)
        scores.alibi_slopes = ofHead(whole.scores.alibi_slopes)
        scores.sinks = ofHead(whole.scores.sinks)
    }

    /// The numbers from 0 on, for lengths of one sequence that have no memory of their own. Never freed.
    nonisolated(unsafe) private static let counts: UnsafePointer<Int64> = {
        let numbers = UnsafeMutablePointer<Int64>.allocate(capacity: mostRowsAlone + 1)
        for number in 0...mostRowsAlone { numbers[number] = Int64(number) }
        return UnsafePointer(numbers)
    }()
}

extension ck_operand {
    fileprivate static func rows(_ data: UnsafeMutablePointer<Float>?, _ rows: Int, width: Int64) -> ck_operand {
        let count = Int64(rows) * width
        return ck_operand(
            data: data.map(UnsafeMutableRawPointer.init), count: data == nil ? 0 : count, offset: 0,
            batch_stride: count, head_stride: count, row_stride: width, dtype: .CK_F32)
    }
}
