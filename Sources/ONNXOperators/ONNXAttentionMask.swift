import AttentionKernels

/// The input attn_mask: bytes or numbers of rank 1 to 4, padded to all keys with what masks them.
struct ONNXAttentionMask {
    private let shape: [Int]
    private let values: ONNXTensor.Values

    init?(_ node: ONNXNode, keyLength: Int) throws {
        guard let tensor = node.inputs["attn_mask"] else { return nil }
        guard (1...4).contains(tensor.rank) else {
            throw ONNXError.invalid("attn_mask has rank \(tensor.rank); it should have 1 to 4 dimensions")
        }
        let width = tensor.shape[tensor.rank - 1]
        guard width <= keyLength else {
            throw ONNXError.invalid("attn_mask has \(width) keys; there are \(keyLength)")
        }
        // A single column repeats over the keys, as in all broadcasting; any other width that is too short is padded.
        let padding = width == 1 ? 0 : keyLength - width
        shape = tensor.shape.dropLast() + [width + padding]
        func padded<Element>(_ elements: [Element], _ pad: Element) -> [Element] {
            guard padding > 0 else { return elements }
            let rows = tensor.shape.dropLast().reduce(1, *)
            return (0..<rows).flatMap { row in
                elements[row * width..<(row + 1) * width] + repeatElement(pad, count: padding)
            }
        }
        values =
            switch tensor.values {
            case .booleans(let elements): .booleans(padded(elements, false))
            case .floats(let elements, let type): .floats(padded(elements, -.infinity), type)
            case .integers(let elements): .floats(padded(elements.map(Float.init), -.infinity), .float32)
            }
    }

    /// Minus infinity where a key is hidden, else what is added to its score, for scores of `shape`.
    func added(to scores: [Int]) throws -> [Float] {
        switch values {
        case .booleans(let elements):
            try ONNXTensor.broadcast(elements.map { $0 ? 0 : -Float.infinity }, shape, to: scores)
        case .floats(let elements, _): try ONNXTensor.broadcast(elements, shape, to: scores)
        case .integers: []
        }
    }

    func add(to options: inout AttentionOptions) throws {
        switch values {
        case .booleans(let elements): options.mask = .keep(try ScoreMask(shape: shape, elements: elements))
        case .floats(let elements, _): options.bias = try Tensor(shape: shape, elements: elements)
        case .integers: break
        }
    }
}
