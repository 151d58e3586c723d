import CKernels

/// The weights of a linear layer in the blocks of GGUF files, `[k, n]` as a second factor: 4 or 8 bits each, dequantised
/// in registers while they are multiplied.
///
/// ```swift
/// let weight = try QuantizedMatrix(bytes: file.bytes, .q4_0, rows: inputs, columns: outputs)
/// let y = try matmul(x, packed: weight)
/// ```
///
/// A product gives the bits of one with the dequantised weights (``dequantized()``), each exact in `Float` but for one
/// rounding in ``QuantizedFormat/q4_1``; with a left factor of ``BFloat16`` on ``InstructionSet/avx512bf16``, of one with
/// these weights rounded to ``BFloat16``. Whoever multiplies more than once is faster with a ``PackedMatrix`` of it, which
/// has the same size. Copies share the blocks; nothing writes to them.
public struct QuantizedMatrix: PackedFactor {
    /// The number of rows as read: `k` of the products, the inputs of a layer.
    public let rows: Int
    /// The number of columns as read: `n` of the products, the outputs of a layer.
    public let columns: Int
    /// What the blocks are.
    public let quantization: QuantizedFormat
    private let blocks: Blocks
    private var place: MatrixPlace { blocks.place }

    public var format: MatrixFormat { quantization.format }
    public var byteCount: Int { place.count * quantization.blockByteCount }
    public var memory: PackedFactorMemory { PackedFactorMemory(place: place, owner: blocks) }

    /// Weights from a copy of their blocks, in the order of GGUF files: those of one column after those of the other.
    ///
    /// - Parameters:
    ///   - bytes: the blocks.
    ///   - format: of what kind they are.
    ///   - rows: `k` of the products, a multiple of 32: the fastest dimension of the file's tensor.
    ///   - columns: `n` of the products: the slower dimension of the file's tensor.
    /// - Throws: ``KernelError`` if a size is negative or too large, `rows` is no multiple of 32, `bytes` are not what the
    ///   sizes say, or memory runs out.
    /// - Complexity: O(*k · n*).
    public init(bytes: RawSpan, _ format: QuantizedFormat, rows: Int, columns: Int) throws(KernelError) {
        let storage = try Self.allocate(bytes.byteCount)
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(start: storage.start, count: storage.count).copyMemory(from: source)
        }
        try self.init(
            borrowing: UnsafeRawBufferPointer(start: storage.start, count: storage.count), ownedBy: storage, format,
            rows: rows, columns: columns)
    }

    /// Weights that stay where they are, such as in a mapped file; nothing is copied.
    ///
    /// - Parameters:
    ///   - bytes: the blocks, at an even address; nobody may write to them.
    ///   - owner: keeps them alive as long as it lives itself.
    ///   - format: of what kind they are.
    ///   - rows: `k` of the products, a multiple of 32: the fastest dimension of the file's tensor.
    ///   - columns: `n` of the products: the slower dimension of the file's tensor.
    /// - Throws: ``KernelError`` as ``init(bytes:_:rows:columns:)``, or if the bytes begin at an odd address.
    /// - Complexity: O(1).
    public init(
        borrowing bytes: UnsafeRawBufferPointer, ownedBy owner: any AnyObject & Sendable, _ format: QuantizedFormat,
        rows: Int, columns: Int
    ) throws(KernelError) {
        let byteCount = try format.byteCount(rows: rows, columns: columns)
        guard bytes.count == byteCount else {
            throw KernelError(
                .elementCountMismatch, .b,
                "there are \(bytes.count) bytes; \(columns) columns of \(rows) weights in \(format.rawValue) blocks have "
                    + "\(byteCount)")
        }
        let place = MatrixPlace(quantized: bytes, format, rows: rows, columns: columns)
        try place.checkAlignment()
        blocks = Blocks(place, owner)
        self.rows = rows
        self.columns = columns
        quantization = format
    }

    /// Weights quantised from a matrix, block by block and each to the nearest number its block has.
    ///
    /// The factor of a block is the one the reference implementation of the format takes: the largest magnitude over 127
    /// (``QuantizedFormat/q8_0``), the number of largest magnitude over -8 (``QuantizedFormat/q4_0``), or the range over 15
    /// above the smallest number (``QuantizedFormat/q4_1``).
    ///
    /// - Parameters:
    ///   - matrix: `[k, n]`, or `[n, k]` with `transposed`, of any ``TensorElement``.
    ///   - format: what to quantise to.
    ///   - transposed: whether to read it transposed, as the weights of layers are mostly stored.
    ///   - execution: threads.
    /// - Throws: ``KernelError`` if the rank is not 2, `k` is no multiple of 32, a number is not finite or too large for its
    ///   block, or memory runs out.
    /// - Complexity: O(*k · n*).
    public init(
        quantizing matrix: some StridedTensor, _ format: QuantizedFormat, transposed: Bool = false,
        execution: Execution = .shared
    ) throws(KernelError) {
        let operand = try MatrixTensorOperand(.b, matrix, transposed: transposed)
        let source = operand.place
        guard matrix.view.rank == 2 else {
            throw KernelError(.wrongRank, .b, "shape \(source.shapeText) has rank 3; one matrix is quantized at a time")
        }
        let storage = try Self.allocate(format.byteCount(rows: source.rows, columns: source.columns))
        var problem = ck_quantise_problem()
        (problem.k, problem.n) = (Int64(source.rows), Int64(source.columns))
        problem.source = source.cValue
        problem.dtype = format.format.cValue
        problem.blocks = UnsafeMutableRawPointer(storage.start)
        problem.block_bytes = storage.count
        try execution.ask(
            { options, diagnosis in withUnsafePointer(to: options) { ck_quantise(&problem, $0, &diagnosis) } },
            describe: { $0 == .b ? source.fullText : $0.rawValue })
        try self.init(
            borrowing: UnsafeRawBufferPointer(start: storage.start, count: storage.count), ownedBy: storage, format,
            rows: source.rows, columns: source.columns)
    }

    /// The blocks, to be saved.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let start = UnsafeRawPointer(place.start ?? UnsafeMutableRawPointer(bitPattern: memoryAlignment)!)
            return _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: byteCount), borrowing: self)
        }
    }

    /// Writes the weights of one column, such as the row of a token in a quantised embedding table.
    ///
    /// - Parameters:
    ///   - column: in `0 ..< columns`.
    ///   - weights: as many as there are rows.
    /// - Throws: ``KernelError`` if there is no such column or `weights` has another length; then nothing is written.
    /// - Complexity: O(*k*).
    public func dequantizeColumn(_ column: Int, into weights: inout MutableSpan<Float>) throws(KernelError) {
        guard (0..<columns).contains(column) else {
            throw KernelError(.invalidValue, .n, "column \(column) is outside 0 ..< \(columns)")
        }
        guard weights.count == rows else {
            throw KernelError(
                .elementCountMismatch, .k, "the span has \(weights.count) elements; it should have \(rows)")
        }
        let blocks = rows / QuantizedFormat.blockLength
        guard let start = place.start, blocks > 0 else { return }
        weights.withUnsafeMutableBufferPointer { target in
            ck_dequantise(
                format.cValue, start + column * blocks * quantization.blockByteCount, Int64(blocks), target.baseAddress!
            )
        }
    }

    /// All weights as a tensor `[n, k]`, column by column.
    ///
    /// - Throws: ``KernelError`` if memory runs out.
    /// - Complexity: O(*k · n*).
    public func dequantized() throws(KernelError) -> Tensor {
        let tensor = try Tensor(uninitialized: [columns, rows])
        if let start = place.start, tensor.count > 0 {
            ck_dequantise(format.cValue, start, Int64(place.count), tensor.storage.start)
        }
        return tensor
    }

    /// The memory and who keeps it alive. Sendable because nobody writes to it.
    private final class Blocks: @unchecked Sendable {
        let place: MatrixPlace
        private let owner: any AnyObject & Sendable

        init(_ place: MatrixPlace, _ owner: any AnyObject & Sendable) {
            self.place = place
            self.owner = owner
        }
    }

    private static func allocate(_ byteCount: Int) throws(KernelError) -> AlignedStorage<UInt8> {
        guard let storage = AlignedStorage<UInt8>(uninitializedCount: byteCount) else {
            throw KernelError(.outOfMemory, .b, "there is not enough memory for \(byteCount) bytes")
        }
        return storage
    }
}
