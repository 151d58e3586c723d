import CKernels

// Visibility and score options as C takes them. Their arrays belong to the problem, which the caller of C holds until
// C returns.

extension AttentionProblem {
    /// Window, lengths, segments, block mask and score options.
    func setRules(_ problem: inout ck_attention_problem) throws(KernelError) {
        if let window = visibility.window {
            problem.window = ck_window(
                bounds_left: window.left != nil, bounds_right: window.right != nil, left: Int64(window.left ?? 0),
                right: Int64(window.right ?? 0))
        }
        problem.query_lengths = try lengths(.queryLengths, visibility.queryLengths)
        problem.kv_starts = try lengths(.keyStarts, visibility.keyStarts)
        problem.prefix_lengths = try lengths(.prefixLengths, visibility.prefixLengths)
        if let segments = visibility.segments {
            problem.q_segments = try segmentIDs(.querySegments, segments.query, queryLength, "queryLength")
            problem.k_segments = try segmentIDs(.keySegments, segments.key, keyLength, "keyLength")
        }
        if let blocks = visibility.blocks { problem.block_mask = try blockMask(blocks) }
        problem.scores.softcap = scores.softcap ?? 0
        problem.scores.normalize_qk = scores.normalizesQueryAndKey
        problem.scores.head_scales = try headValues(.headScales, scores.headScales)
        problem.scores.alibi_slopes = try headValues(.alibiSlopes, scores.alibiSlopes)
        problem.scores.sinks = try headValues(.sinks, scores.sinks?.values)
        scoreFunction?.set(&problem.scores)
    }

    private func lengths(_ argument: KernelError.Argument, _ values: [Int]?) throws(KernelError) -> ck_lengths {
        guard let values else { return ck_lengths() }
        guard values.count == batch else {
            throw KernelError(
                .shapeMismatch, argument,
                "there are \(values.count), but batch is \(batch) in query \(query.layout.shapeText)")
        }
        // Int and int64_t are the same on every platform this package supports.
        let start = values.withUnsafeBufferPointer {
            UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: Int64.self)
        }
        return ck_lengths(data: start, count: Int64(values.count))
    }

    private func headValues(
        _ argument: KernelError.Argument, _ values: [Float]?
    ) throws(KernelError) -> ck_head_values {
        guard let values else { return ck_head_values() }
        guard values.count == 1 || values.count == heads else {
            throw KernelError(
                .shapeMismatch, argument,
                "there are \(values.count); there should be one for each of \(heads) heads, or one for all")
        }
        return ck_head_values(
            data: values.withUnsafeBufferPointer { $0.baseAddress }, count: Int64(values.count))
    }

    private func segmentIDs(
        _ argument: KernelError.Argument, _ ids: [Int32], _ length: Int, _ name: String
    ) throws(KernelError) -> ck_segment_ids {
        guard ids.count == length || ids.count == batch.saturatingProduct(length) else {
            throw KernelError(
                .shapeMismatch, argument,
                "there are \(ids.count) ids; there should be \(length) (\(name)), or as many for each of \(batch) "
                    + "sequences")
        }
        return ck_segment_ids(
            data: ids.withUnsafeBufferPointer { $0.baseAddress }, count: Int64(ids.count),
            batch_stride: ids.count == length ? 0 : Int64(length))
    }

    private func blockMask(_ mask: BlockMask) throws(KernelError) -> ck_block_mask {
        guard mask.queryBlock > 0, mask.keyBlock > 0 else {
            throw KernelError(
                .invalidValue, .blocks, "sizes \(mask.queryBlock) and \(mask.keyBlock) should be 1 or more")
        }
        func blocks(of length: Int, by size: Int) -> Int { length / size + (length % size > 0 ? 1 : 0) }
        let visible = mask.visible
        let layout = try ScoreLayout(.blocks, shape: visible.shape, strides: visible.strides, offset: 0)
        let operand = try scoreOperand(
            .blocks, UnsafeRawPointer(visible.storage.start), visible.storage.count, layout,
            expected: SIMD4(
                batch, heads, blocks(of: queryLength, by: mask.queryBlock), blocks(of: keyLength, by: mask.keyBlock)))
        return ck_block_mask(query_block: Int64(mask.queryBlock), key_block: Int64(mask.keyBlock), blocks: operand)
    }
}

extension Causality {
    var cValue: ck_causal {
        switch self {
        case .none: .CK_CAUSAL_NONE
        case .topLeft: .CK_CAUSAL_TOP_LEFT
        case .bottomRight: .CK_CAUSAL_BOTTOM_RIGHT
        case .offset: .CK_CAUSAL_OFFSET
        }
    }

    /// The offset given, 0 without one.
    var offset: Int {
        if case .offset(let offset) = self { offset } else { 0 }
    }
}
