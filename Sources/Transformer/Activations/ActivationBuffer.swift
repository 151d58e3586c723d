import AttentionKernels

/// Memory for the activations between two blocks, `[rows, width]`: taken once, grown when a call has more rows than any
/// before, and written anew by every call.
///
/// Inputs and outputs made from it point into it and are for one call each; whoever makes them keeps the buffer alive. It
/// is not safe to use from two tasks at once.
final class ActivationBuffer {
    /// The number of columns.
    let width: Int
    /// The type of the elements.
    let type: DataType
    private var start: UnsafeMutableRawPointer
    private var capacity = 0

    /// A buffer of no rows.
    init(width: Int, type: DataType = .float32) {
        self.width = width
        self.type = type
        start = .allocate(byteCount: 64, alignment: 64)
    }

    deinit {
        start.deallocate()
    }

    /// Makes room for `rows`; what the buffer held is lost if it grows.
    func reserve(_ rows: Int) {
        guard rows > capacity else { return }
        start.deallocate()
        start = .allocate(byteCount: max(rows * width * elementByteCount, 64), alignment: 64)
        // Rows that a call leaves out must not be read as arbitrary numbers.
        start.initializeMemory(as: UInt8.self, repeating: 0, count: rows * width * elementByteCount)
        capacity = rows
    }

    private var elementByteCount: Int { type == .float32 ? 4 : 2 }

    /// The elements from a row on, to read.
    @_lifetime(immortal)
    private func elements<Element>(_: Element.Type, _ rows: Int) -> Span<Element> {
        precondition(rows <= capacity, "\(rows) rows in a buffer of \(capacity)")
        let elements = Span(
            _unsafeStart: UnsafePointer(start.assumingMemoryBound(to: Element.self)), count: rows * width)
        return _overrideLifetime(elements, copying: ())
    }

    /// The elements of the first rows, to write. Whoever writes is the only one who uses the buffer meanwhile.
    @_lifetime(immortal)
    private func mutableElements<Element>(_: Element.Type, _ rows: Int) -> MutableSpan<Element> {
        precondition(rows <= capacity, "\(rows) rows in a buffer of \(capacity)")
        let elements = MutableSpan(_unsafeStart: start.assumingMemoryBound(to: Element.self), count: rows * width)
        return _overrideLifetime(elements, copying: ())
    }

    /// Rows as a factor of a product or the input of a layer.
    @_lifetime(immortal)
    func input(_ rows: Range<Int>, columns: Range<Int>? = nil) -> MatrixInput {
        let layout = layout(rows, columns)
        switch type {
        case .float32: return MatrixInput(elements(Float.self, rows.upperBound), layout)
        case .bfloat16: return MatrixInput(elements(BFloat16.self, rows.upperBound), layout)
        case .float16: return MatrixInput(elements(Float16.self, rows.upperBound), layout)
        }
    }

    /// Rows as an output.
    @_lifetime(immortal)
    func output(_ rows: Range<Int>, columns: Range<Int>? = nil) -> MatrixOutput {
        let layout = layout(rows, columns)
        switch type {
        case .float32: return MatrixOutput(mutableElements(Float.self, rows.upperBound), layout)
        case .bfloat16: return MatrixOutput(mutableElements(BFloat16.self, rows.upperBound), layout)
        case .float16: return MatrixOutput(mutableElements(Float16.self, rows.upperBound), layout)
        }
    }

    private func layout(_ rows: Range<Int>, _ columns: Range<Int>?) -> MatrixLayout {
        let columns = columns ?? 0..<width
        return MatrixLayout(
            rows: rows.count, columns: columns.count, rowStride: width,
            offset: rows.lowerBound * width + columns.lowerBound)
    }

    /// Heads of the rows of some sequences as an input of attention.
    @_lifetime(immortal)
    func attentionInput(_ sequences: RowGroup, heads: Int, headSize: Int, column: Int = 0) -> AttentionInput {
        let layout = layout(sequences, heads, headSize, column)
        switch type {
        case .float32: return AttentionInput(elements(Float.self, sequences.rows.upperBound), layout)
        case .bfloat16: return AttentionInput(elements(BFloat16.self, sequences.rows.upperBound), layout)
        case .float16: return AttentionInput(elements(Float16.self, sequences.rows.upperBound), layout)
        }
    }

    /// The same as an output of attention.
    @_lifetime(immortal)
    func attentionOutput(_ sequences: RowGroup, heads: Int, headSize: Int) -> AttentionOutput {
        let layout = layout(sequences, heads, headSize, 0)
        switch type {
        case .float32: return AttentionOutput(mutableElements(Float.self, sequences.rows.upperBound), layout)
        case .bfloat16: return AttentionOutput(mutableElements(BFloat16.self, sequences.rows.upperBound), layout)
        case .float16: return AttentionOutput(mutableElements(Float16.self, sequences.rows.upperBound), layout)
        }
    }

    private func layout(_ group: RowGroup, _ heads: Int, _ headSize: Int, _ column: Int) -> AttentionLayout {
        AttentionLayout(
            batch: group.count, heads: heads, length: group.length, width: headSize,
            batchStride: group.length * width, headStride: headSize, rowStride: width,
            offset: group.firstRow * width + column)
    }

    /// A row of `Float`, to read.
    @_lifetime(immortal)
    func row(_ row: Int) -> Span<Float> {
        precondition(type == .float32, "rows of \(type) are not Float")
        let elements = elements(Float.self, row + 1).extracting((row * width)..<((row + 1) * width))
        return _overrideLifetime(elements, copying: ())
    }

    /// Writes a row of `Float`.
    func setRow(_ row: Int, _ elements: Span<Float>) {
        precondition(type == .float32 && elements.count == width, "\(elements.count) columns, not \(width) of Float")
        var target = mutableElements(Float.self, row + 1)
        for column in elements.indices { target[row * width + column] = elements[column] }
    }

    /// Rows of `Float`, copied.
    func tensor(_ rows: Range<Int>) throws(KernelError) -> Tensor {
        precondition(type == .float32, "rows of \(type) are not Float")
        let source = start.assumingMemoryBound(to: Float.self) + rows.lowerBound * width
        return try Tensor(shape: [rows.count, width]) { source[$0] }
    }
}

extension Precision {
    /// The type of what products and attention read.
    var operandType: DataType {
        switch self {
        case .float32, .integer16: .float32
        case .bfloat16: .bfloat16
        }
    }
}
