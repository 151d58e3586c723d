import AttentionKernels

// What blocks make of stored weights.

extension StoredWeight {
    /// A weight over the elements of a tensor, which it keeps.
    init(name: String, _ tensor: Tensor) throws(TransformerError) {
        self = try Self.owning(name, tensor, .float32)
    }

    private static func owning<Element: TensorElement>(
        _ name: String, _ tensor: TypedTensor<Element>, _ format: WeightFormat
    ) throws(TransformerError) -> StoredWeight {
        let owner = TensorOwner(tensor)
        // The tensor is held by the owner and never written to: its memory stays where it is.
        let (start, count) = tensor.span.withUnsafeBytes { ($0.baseAddress, $0.count) }
        return try StoredWeight(
            name: name, shape: tensor.shape, format: format, bytes: UnsafeRawBufferPointer(start: start, count: count),
            owner: owner)
    }

    /// Weights whose first dimensions follow each other; those of one format are copied as they are, of several as `Float`.
    static func joined(_ weights: [StoredWeight]) throws -> StoredWeight {
        guard weights.count > 1, let first = weights.first else { return weights[0] }
        let parts =
            Set(weights.map(\.format)).count == 1
            ? weights : try weights.map { try StoredWeight(name: $0.name, try $0.tensor(execution: .shared)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(0) { $0 + $1.byteCount })
        for part in parts {
            bytes += UnsafeRawBufferPointer(start: part.start, count: part.byteCount)
            part.release()
        }
        let shape = [weights.reduce(0) { $0 + $1.shape[0] }] + first.shape.dropFirst()
        let owner = OwnedBytes(copying: bytes.withUnsafeBytes { $0 })
        return try withExtendedLifetime(bytes) {
            try StoredWeight(
                name: weights.map(\.name).joined(separator: " and "), shape: shape, format: parts[0].format,
                bytes: UnsafeRawBufferPointer(start: owner.start, count: bytes.count), owner: owner)
        }
    }

    /// The elements as `Float`: exact, but for one rounding in Q4_1.
    func tensor(execution: Execution) throws -> Tensor {
        let (rows, width) = (shape.dropLast().reduce(1, *), shape.last ?? 1)
        var tensor = try Tensor(shape: [rows, width])
        let ids = Array(0..<rows)
        try embed(
            ids.span, table: matrix(rows: rows, width: width),
            into: MatrixOutput(tensor.mutableSpan, MatrixLayout(rows: rows, columns: width)), execution: execution)
        release()
        return shape.count == 2 ? tensor : try Tensor(shape: shape, elements: tensor.elements)
    }

    /// The matrix `[outputs, inputs]` packed for products with inputs of a precision.
    func packed(for precision: Precision, execution: Execution) throws -> PackedMatrix {
        if precision == .bfloat16, format == .float32 || format == .float16 {
            let rounded = try TypedTensor<BFloat16>(tensor(execution: execution))
            return try Self.owning(name, rounded, .bfloat16).packed(for: precision, execution: execution)
        }
        defer { release() }
        return try PackedMatrix(
            matrix(rows: shape[0], width: shape[1], transposed: true), for: precision.leftType, execution: execution)
    }

    /// The rows as a table; transposed, as the right factor of a product, which quantised ones are either way. Whoever
    /// asks keeps the weight alive.
    @_lifetime(immortal)
    func matrix(rows: Int, width: Int, transposed: Bool = false) -> MatrixInput {
        let layout = MatrixLayout(rows: rows, columns: width)
        switch format {
        case .float32: return MatrixInput(span(Float.self), layout, transposed: transposed)
        case .bfloat16: return MatrixInput(span(BFloat16.self), layout, transposed: transposed)
        case .float16: return MatrixInput(span(Float16.self), layout, transposed: transposed)
        case .q8_0: return MatrixInput(quantized: bytes, .q8_0, rows: width, columns: rows)
        case .q4_0: return MatrixInput(quantized: bytes, .q4_0, rows: width, columns: rows)
        case .q4_1: return MatrixInput(quantized: bytes, .q4_1, rows: width, columns: rows)
        }
    }

    private var bytes: RawSpan {
        @_lifetime(immortal)
        get { _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: byteCount), copying: ()) }
    }

    @_lifetime(immortal)
    private func span<Element: BitwiseCopyable>(_: Element.Type) -> Span<Element> {
        let elements = Span(
            _unsafeStart: start.assumingMemoryBound(to: Element.self), count: byteCount / MemoryLayout<Element>.stride)
        return _overrideLifetime(elements, copying: ())
    }
}

extension Precision {
    fileprivate var leftType: any TensorScalar.Type {
        switch self {
        case .float32, .integer16: Float.self
        case .bfloat16: BFloat16.self
        }
    }
}

/// Holds a tensor for the weight that points into it.
private final class TensorOwner<Element: TensorElement> {
    let tensor: TypedTensor<Element>

    init(_ tensor: TypedTensor<Element>) {
        self.tensor = tensor
    }
}
