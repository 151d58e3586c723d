import AttentionKernels

/// Attention of opset 23, 24 and 25: shapes, cache and mask become a call of the library's attention.
///
/// Softmax runs in `float32` whatever `softmax_precision` says: exactly what `FLOAT` asks for, more than the 16-bit types
/// do, less than `DOUBLE`.
struct ONNXAttention {
    let node: ONNXNode
    let query: Tensor
    /// With the past in front.
    let key: Tensor
    let value: Tensor
    let type: ONNXFloatType
    let valueType: ONNXFloatType
    let pastLength: Int
    /// The valid keys of each sequence in an external cache.
    let keyLengths: [Int]?
    let isPacked: Bool

    init(_ node: ONNXNode) throws {
        self.node = node
        let (q, k, v) = (try node.floats("Q"), try node.floats("K"), try node.floats("V"))
        (type, valueType) = (q.type, v.type)
        guard q.shape.count == k.shape.count, q.shape.count == v.shape.count, (3...4).contains(q.shape.count) else {
            throw ONNXError.invalid(
                "Q, K and V should have one rank, 3 or 4; their shapes are \(q.shape), \(k.shape), \(v.shape)")
        }
        isPacked = q.shape.count == 3
        let (heads, kvHeads) = try Self.heads(node, isPacked: isPacked)
        query = try Self.split(q.elements, q.shape, heads: heads, "Q")
        let newKey = try Self.split(k.elements, k.shape, heads: kvHeads, "K")
        let newValue = try Self.split(v.elements, v.shape, heads: kvHeads, "V")
        guard (node.inputs["past_key"] == nil) == (node.inputs["past_value"] == nil) else {
            throw ONNXError.invalid("past_key and past_value should be given together")
        }
        if node.inputs["past_key"] != nil {
            let (pastKey, pastValue) = (try node.floats("past_key"), try node.floats("past_value"))
            key = try Self.append(newKey, to: pastKey.elements, pastKey.shape, "past_key")
            value = try Self.append(newValue, to: pastValue.elements, pastValue.shape, "past_value")
            pastLength = pastKey.shape[2]
        } else {
            (key, value, pastLength) = (newKey, newValue, 0)
        }
        if node.inputs["nonpad_kv_seqlen"] != nil {
            guard node.inputs["past_key"] == nil else {
                throw ONNXError.invalid("nonpad_kv_seqlen should not be given with past_key")
            }
            keyLengths = try node.integers("nonpad_kv_seqlen")
        } else {
            keyLengths = nil
        }
    }

    private static func heads(_ node: ONNXNode, isPacked: Bool) throws -> (Int?, Int?) {
        let heads = try node.attributes.integer("q_num_heads")
        let kvHeads = try node.attributes.integer("kv_num_heads")
        guard isPacked else {
            if node.opset >= 25, heads != nil || kvHeads != nil {
                throw ONNXError.invalid("q_num_heads and kv_num_heads should not be given with inputs of rank 4")
            }
            return (nil, nil)
        }
        guard let heads, let kvHeads, heads > 0, kvHeads > 0 else {
            throw ONNXError.invalid("inputs of rank 3 need q_num_heads and kv_num_heads, 1 or more")
        }
        return (heads, kvHeads)
    }

    /// `[batch, heads, length, width]` of an input that is so already, or is `[batch, length, heads * width]`.
    private static func split(_ elements: [Float], _ shape: [Int], heads: Int?, _ name: String) throws -> Tensor {
        guard let heads else { return try Tensor(shape: shape, elements: elements) }
        guard shape[2] % heads == 0 else {
            throw ONNXError.invalid(
                "the last dimension of \(name), \(shape[2]), should be a multiple of \(heads) heads")
        }
        let packed = try Tensor(shape: [shape[0], shape[1], heads, shape[2] / heads], elements: elements)
        return try packed.transposed(1, 2).contiguous()
    }

    private static func append(_ new: Tensor, to past: [Float], _ shape: [Int], _ name: String) throws -> Tensor {
        guard shape.count == 4, shape[0] == new.shape[0], shape[1] == new.shape[1], shape[3] == new.shape[3] else {
            throw ONNXError.invalid("\(name) has the shape \(shape); but for its length it should be \(new.shape)")
        }
        let (old, added) = (shape[2] * shape[3], new.shape[2] * shape[3])
        let elements = new.elements
        var joined: [Float] = []
        joined.reserveCapacity(past.count + elements.count)
        for head in 0..<shape[0] * shape[1] {
            joined += past[head * old..<(head + 1) * old]
            joined += elements[head * added..<(head + 1) * added]
        }
        return try Tensor(shape: [shape[0], shape[1], shape[2] + new.shape[2], shape[3]], elements: joined)
    }

    /// Where query 0 stands: behind the past, or so that the last query stands at the last valid key.
    private var alignment: Causality {
        keyLengths != nil ? .bottomRight : pastLength > 0 ? .offset(pastLength) : .topLeft
    }

    private func window() throws -> SlidingWindow? {
        func side(_ name: String) throws -> Int? {
            let size = try node.attributes.integer(name) ?? -1
            guard size >= -1 else { throw ONNXError.invalid("attribute \(name) is \(size); it should be -1 or more") }
            return size < 0 ? nil : size
        }
        let (left, right) = (try side("left_window_size"), try side("right_window_size"))
        return left == nil && right == nil ? nil : SlidingWindow(left: left, right: right)
    }

    var scale: Float {
        get throws { try node.attributes.float("scale") ?? 1 / Float(max(query.shape[3], 1)).squareRoot() }
    }

    /// The options of the call, the mask still missing.
    func options() throws -> AttentionOptions {
        let precision = try node.attributes.integer("softmax_precision") ?? 1
        guard [1, 10, 11, 16].contains(precision) else {
            throw ONNXError.invalid("attribute softmax_precision is \(precision); it should be 1, 10, 11 or 16")
        }
        let softcap = try node.attributes.float("softcap") ?? 0
        return AttentionOptions(
            causality: try node.attributes.flag("is_causal") ? alignment : .none, scale: try scale,
            keyLengths: keyLengths, visibility: KeyVisibility(window: try window(), alignment: alignment),
            scores: ScoreOptions(softcap: softcap > 0 ? softcap : nil))
    }

    func run(_ kernel: AttentionKernel, _ execution: Execution) throws -> [String: ONNXTensor] {
        var options = try options()
        let mask = try ONNXAttentionMask(node, keyLength: key.shape[2])
        try mask?.add(to: &options)
        let mode = try node.attributes.integer("qk_matmul_output_mode") ?? 0
        guard (0...3).contains(mode) else {
            throw ONNXError.invalid("attribute qk_matmul_output_mode is \(mode); it should be in 0 ... 3")
        }
        let wantsScores = node.wants("qk_matmul_output")
        let result = try kernel.attend(
            query: query, key: key, value: value, options: options,
            returning: wantsScores && mode == 3 ? .weights : [], execution: execution)
        var outputs = [
            "Y": try output(result.output),
            "present_key": ONNXTensor(shape: key.shape, key.elements, roundedTo: type),
            "present_value": ONNXTensor(shape: value.shape, value.elements, roundedTo: valueType),
        ]
        if wantsScores {
            let before = ONNXAttentionScores(query: query, key: key, options: options, mask: mask)
            let scores = try result.weights ?? before.tensor(mode: mode, execution)
            outputs["qk_matmul_output"] = ONNXTensor(shape: scores.shape, scores.elements, roundedTo: type)
        }
        return outputs
    }

    private func output(_ output: Tensor) throws -> ONNXTensor {
        guard isPacked else { return ONNXTensor(shape: output.shape, output.elements, roundedTo: type) }
        let shape = [output.shape[0], output.shape[2], output.shape[1] * output.shape[3]]
        return ONNXTensor(shape: shape, try output.transposed(1, 2).contiguous().elements, roundedTo: type)
    }
}
