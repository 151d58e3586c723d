import CKernels
import TestSupport
import Testing

// Windows, lengths, segments, blocks and score options of a case.

extension AttentionCase {
    func addRules(_ masking: Masking, _ random: inout SeededRandom) {
        if masking.contains(.window) {
            problem.window = ck_window(
                bounds_left: true, bounds_right: true, left: Int64(shape.keys / 5), right: Int64(shape.keys / 9))
            problem.alignment = .CK_CAUSAL_BOTTOM_RIGHT
        }
        if masking.contains(.queryLengths) {
            problem.query_lengths = lengths { shape.queries * ($0 + 3) / (shape.batch + 3) }
        }
        if masking.contains(.prefix) {
            problem.prefix_lengths = lengths { shape.keys * ($0 + 1) / (2 * shape.batch + 2) }
        }
        if masking.contains(.keyStarts) {
            problem.kv_starts = lengths { b in
                min(shape.keys * (b + 1) / 5, problem.kv_lengths.map { Int($0[b]) } ?? shape.keys)
            }
        }
        if masking.contains(.segments) {
            // Packed documents, and in every second sequence ids without order.
            func ids(_ length: Int) -> ck_segment_ids {
                let ids = allocate(Int32.self, shape.batch * length)
                for b in 0..<shape.batch {
                    for i in 0..<length { ids[b * length + i] = Int32(b % 2 == 0 ? i / 45 : i * i % 3) }
                }
                return ck_segment_ids(data: ids, count: Int64(shape.batch * length), batch_stride: Int64(length))
            }
            (problem.q_segments, problem.k_segments) = (ids(shape.queries), ids(shape.keys))
        }
        if masking.contains(.blocks) { problem.block_mask = blockMask(&random) }
        problem.scores.softcap = masking.contains(.softcap) ? 1.5 : 0
        problem.scores.normalize_qk = masking.contains(.normalize)
        if masking.contains(.headScales) { problem.scores.head_scales = headValues { 0.5 + Float($0) } }
        if masking.contains(.alibi) { problem.scores.alibi_slopes = headValues { 0.25 / Float($0 + 1) } }
        if masking.contains(.sinks) { problem.scores.sinks = headValues { $0 == 1 ? -.infinity : 2 - Float($0) } }
    }

    private func lengths(_ length: (Int) -> Int) -> ck_lengths {
        let values = allocate(Int64.self, shape.batch)
        for b in 0..<shape.batch { values[b] = Int64(length(b)) }
        return ck_lengths(data: values, count: Int64(shape.batch))
    }

    private func headValues(_ value: (Int) -> Float) -> ck_head_values {
        let values = allocate(Float.self, shape.heads)
        for h in 0..<shape.heads { values[h] = value(h) }
        return ck_head_values(data: values, count: Int64(shape.heads))
    }

    /// Blocks of 24 x 40, different for each head; two in three are visible.
    private func blockMask(_ random: inout SeededRandom) -> ck_block_mask {
        let (rows, columns) = ((shape.queries + 23) / 24, (shape.keys + 39) / 40)
        let bytes = allocate(UInt8.self, shape.heads * rows * columns)
        for i in 0..<(shape.heads * rows * columns) { bytes[i] = random.uniform() < 0.67 ? 1 : 0 }
        let operand = ck_score_operand(
            data: bytes, count: Int64(shape.heads * rows * columns), offset: 0, batch_stride: 0,
            head_stride: Int64(rows * columns), row_stride: Int64(columns), column_stride: 1)
        return ck_block_mask(query_block: 24, key_block: 40, blocks: operand)
    }

    /// One row of `whole`, a problem of this case's shape and rules, as a problem of its own: one query, one head,
    /// batch 1, at its own absolute position. Its outputs are still those of the whole.
    func single(_ whole: ck_attention_problem, _ b: Int, _ h: Int, _ i: Int) -> ck_attention_problem {
        var single = whole
        let kvHead = h / (shape.heads / shape.kvHeads)
        (single.batch, single.heads, single.kv_heads, single.seqlen_q) = (1, 1, 1, 1)
        func move(_ x: inout ck_operand, _ head: Int, _ row: Int) {
            x.offset += Int64(b) * x.batch_stride + Int64(head) * x.head_stride + Int64(row) * x.row_stride
        }
        func move(_ x: inout ck_score_operand, row: Int) {
            x.offset += Int64(b) * x.batch_stride + Int64(h) * x.head_stride + Int64(row) * x.row_stride
        }
        move(&single.q, h, i)
        move(&single.k, kvHead, 0)
        move(&single.v, kvHead, 0)
        move(&single.mask, row: i)
        move(&single.bias, row: i)
        if problem.block_mask.query_block > 0 {
            move(&single.block_mask.blocks, row: i / Int(problem.block_mask.query_block))
        }
        moveToOne(&single, b, h, i)
        return single
    }

    /// That row's output and lse, computed alone.
    func alone(_ b: Int, _ h: Int, _ i: Int, isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> [UInt32] {
        var single = single(problem, b, h, i)
        var o = [Float](repeating: .nan, count: shape.valueDim)
        var lse = [Float](repeating: .nan, count: 1)
        var options = ck_options_default()
        options.isa = isa
        options.threads = Int32(threads)
        let status = o.withUnsafeMutableBufferPointer { o in
            lse.withUnsafeMutableBufferPointer { lse in
                single.o = ck_operand(
                    data: o.baseAddress, count: Int64(o.count), offset: 0, batch_stride: 0, head_stride: 0,
                    row_stride: Int64(o.count), dtype: .CK_F32)
                single.lse = ck_operand(
                    data: lse.baseAddress, count: 1, offset: 0, batch_stride: 0, head_stride: 0, row_stride: 1,
                    dtype: .CK_F32)
                return ck_attention_forward(ck_kernel.CK_FUSED, &single, &options, nil)
            }
        }
        try #require(status == ck_status.CK_OK)
        return (o + lse).map(\.bitPattern)
    }

    /// Positions, lengths, segments and values by head for a call of one row.
    private func moveToOne(_ single: inout ck_attention_problem, _ b: Int, _ h: Int, _ i: Int) {
        let keys = problem.kv_lengths.map { $0[b] } ?? Int64(shape.keys)
        let queries = problem.query_lengths.data.map { $0[b] } ?? Int64(shape.queries)
        let rule = problem.causal == .CK_CAUSAL_NONE ? problem.alignment : problem.causal
        let offset: Int64 =
            switch rule {
            case .CK_CAUSAL_BOTTOM_RIGHT: keys - queries
            case .CK_CAUSAL_OFFSET: problem.query_offset
            default: 0
            }
        if problem.causal == .CK_CAUSAL_NONE {
            single.alignment = .CK_CAUSAL_OFFSET
        } else {
            single.causal = .CK_CAUSAL_OFFSET
        }
        single.query_offset = offset + Int64(i)
        if let lengths = problem.kv_lengths { (single.kv_lengths, single.kv_lengths_count) = (lengths + b, 1) }
        if problem.query_lengths.data != nil {
            let one = allocate(Int64.self, 1)
            one[0] = Int64(i) < queries ? 1 : 0
            single.query_lengths = ck_lengths(data: one, count: 1)
        }
        if let lengths = problem.prefix_lengths.data {
            single.prefix_lengths = ck_lengths(data: lengths + b, count: 1)
        }
        if let starts = problem.kv_starts.data { single.kv_starts = ck_lengths(data: starts + b, count: 1) }
        if let ids = problem.q_segments.data, let keyIDs = problem.k_segments.data {
            single.q_segments = ck_segment_ids(data: ids + b * shape.queries + i, count: 1, batch_stride: 0)
            single.k_segments = ck_segment_ids(
                data: keyIDs + b * shape.keys, count: Int64(shape.keys), batch_stride: 0)
        }
        func move(_ values: inout ck_head_values) {
            if let data = values.data { values = ck_head_values(data: data + h, count: 1) }
        }
        move(&single.scores.head_scales)
        move(&single.scores.alibi_slopes)
        move(&single.scores.sinks)
    }
}
