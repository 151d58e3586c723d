import CKernels

// The C structs of a problem, built on the stack: nothing is copied but numbers and pointers.

/// The place of an output whose borrow the caller holds until the call returns. No start: memory to be measured for.
struct OutputPlace {
    let start: UnsafeMutableRawPointer?
    let count: Int
    let format: MatrixFormat
    let layout: AttentionLayout

    init(_ output: borrowing AttentionOutput) {
        start = output.start
        count = output.count
        format = MatrixFormat(output.dataType)
        layout = output.layout
    }

    /// Memory whose owner the caller keeps alive.
    init(unsafe start: UnsafeMutableRawPointer?, count: Int, _ format: MatrixFormat, _ layout: AttentionLayout) {
        self.start = start
        self.count = count
        self.format = format
        self.layout = layout
    }

    /// A contiguous output that does not exist yet.
    init(measuring layout: AttentionLayout, _ format: MatrixFormat) {
        start = nil
        self.format = format
        count = layout.elementCount
        self.layout = layout
    }

    var cOperand: ck_operand { ck_operand(start, count, format, layout) }
}

/// The outputs of one call.
struct OutputPlaces {
    let output: OutputPlace
    let lse: OutputPlace?
    let weights: OutputPlace?
}

extension AttentionProblem {
    /// The C problem.
    ///
    /// - Throws: ``KernelError`` if the shapes of the arguments disagree.
    func cProblem(_ places: OutputPlaces) throws(KernelError) -> ck_attention_problem {
        try checkInputs()
        try checkOutput(.output, places.output.layout, width: valueDim, "valueDim")
        if let lse = places.lse { try checkOutput(.lse, lse.layout, width: 1, "1") }
        if let weights = places.weights { try checkOutput(.weights, weights.layout, width: keyLength, "keyLength") }

        var problem = ck_attention_problem()
        problem.batch = Int64(batch)
        problem.heads = Int64(heads)
        problem.kv_heads = Int64(kvHeads)
        problem.seqlen_q = Int64(queryLength)
        problem.seqlen_k = Int64(keyLength)
        problem.head_dim = Int64(headDim)
        problem.value_dim = Int64(valueDim)
        problem.q = query.cOperand
        problem.k = key.cOperand
        problem.v = value.cOperand
        problem.o = places.output.cOperand
        if let lse = places.lse { problem.lse = lse.cOperand }
        if let weights = places.weights { problem.weights = weights.cOperand }
        problem.scale = effectiveScale
        setVisibility(&problem)
        problem.f32_probabilities = keepsFloatProbabilities
        if let mask {
            problem.mask_kind = mask.meaning == .keep ? .CK_MASK_KEEP : .CK_MASK_DROP
            problem.mask = try scoreOperand(.mask, UnsafeRawPointer(mask.start), mask.count, mask.layout)
        }
        if let bias {
            problem.bias = try scoreOperand(.bias, bias.start, bias.count, bias.layout)
            problem.bias_dtype = bias.dataType.cValue
        }
        if let cache { cache.set(&problem) }
        try setRules(&problem)
        return problem
    }

    private func setVisibility(_ problem: inout ck_attention_problem) {
        problem.causal = causality.cValue
        // With causality the alignment says nothing, and the one offset is that of the causality.
        problem.alignment = visibility.alignment.cValue
        problem.query_offset = Int64((causality == .none ? visibility.alignment : causality).offset)
        if let keyLengthsCount {
            // Int and int64_t are the same on every platform this package supports.
            problem.kv_lengths = UnsafeRawPointer(keyLengthsStart)?.assumingMemoryBound(to: Int64.self)
            problem.kv_lengths_count = Int64(keyLengthsCount)
        }
    }

    /// The strides by which an operand of the scores is repeated over the dimensions where its size is 1.
    func scoreOperand(
        _ argument: KernelError.Argument, _ data: UnsafeRawPointer?, _ count: Int, _ layout: ScoreLayout,
        expected: SIMD4<Int>? = nil
    ) throws(KernelError) -> ck_score_operand {
        let sizes = SIMD4(layout.batch, layout.heads, layout.queryLength, layout.keyLength)
        let scores = expected ?? SIMD4(batch, heads, queryLength, keyLength)
        var strides = SIMD4(layout.batchStride, layout.headStride, layout.rowStride, layout.columnStride)
        for dimension in 0..<4 where sizes[dimension] != scores[dimension] {
            guard sizes[dimension] == 1 else {
                throw KernelError(
                    .shapeMismatch, argument,
                    "shape \(layout.shapeText) should be [\(scores[0]), \(scores[1]), \(scores[2]), \(scores[3])] (batch, "
                        + "heads, \(expected == nil ? "queryLength, keyLength" : "blocks of queries, blocks of keys")), or 1 "
                        + "where it repeats")
            }
            strides[dimension] = 0
        }
        return ck_score_operand(
            data: data, count: Int64(count), offset: Int64(layout.offset), batch_stride: Int64(strides[0]),
            head_stride: Int64(strides[1]), row_stride: Int64(strides[2]), column_stride: Int64(strides[3]))
    }

    /// Outputs that do not exist yet; those of the attention are of `type`, or of the query's.
    func placesToMeasure(_ outputs: AttentionOutputs, as type: DataType?) -> OutputPlaces {
        func place(width: Int, _ format: MatrixFormat = .float32) -> OutputPlace {
            OutputPlace(measuring: .bhsd(batch: batch, heads: heads, length: queryLength, width: width), format)
        }
        return OutputPlaces(
            output: place(width: valueDim, type.map(MatrixFormat.init) ?? query.format),
            lse: outputs.contains(.lse) ? place(width: 1) : nil,
            weights: outputs.contains(.weights) ? place(width: keyLength) : nil)
    }

    /// An argument of this problem, for the sentence of an error.
    func describe(_ argument: KernelError.Argument, _ places: OutputPlaces) -> String {
        switch argument {
        case .query: query.layout.fullText
        case .key: key.layout.fullText
        case .value: value.layout.fullText
        case .output: places.output.layout.fullText
        case .lse: places.lse?.layout.fullText ?? "nil"
        case .weights: places.weights?.layout.fullText ?? "nil"
        case .mask: mask?.layout.fullText ?? "nil"
        case .bias: bias?.layout.fullText ?? "nil"
        case .scale: "\(effectiveScale)"
        case .softcap: "\(scores.softcap ?? 0)"
        default: argument.rawValue
        }
    }
}

extension AttentionInput {
    /// C's operands are shared by inputs and outputs; it never writes to an input.
    fileprivate var cOperand: ck_operand {
        ck_operand(UnsafeMutableRawPointer(mutating: start), count, format, layout)
    }
}

extension ck_operand {
    init(
        _ data: UnsafeMutableRawPointer?, _ count: Int, _ format: MatrixFormat, _ layout: AttentionLayout
    ) {
        self.init(
            data: data, count: Int64(count), offset: Int64(layout.offset), batch_stride: Int64(layout.batchStride),
            head_stride: Int64(layout.headStride), row_stride: Int64(layout.rowStride), dtype: format.cValue)
    }
}
